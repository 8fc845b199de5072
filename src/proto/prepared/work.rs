//! Compressing a prepared message slice by slice (RFC 7692 §7.2.1): one does it, those who want the frame
//! wait for that one.
//!
//! | who | has | and then |
//! |---|---|---|
//! | the one that compresses | the `Work` | finishes it, or drops it: then the message goes as it is |
//! | connections that are to send the message | their wakers in `Works` | are woken at the end of the work |

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::Prepared;
use crate::proto::deflate::WindowBits;

/// The works of a message that have begun and not ended, by window.
#[derive(Default)]
pub(super) struct Works(Mutex<Vec<(WindowBits, Vec<Waker>)>>);

impl Works {
    fn lock(&self) -> MutexGuard<'_, Vec<(WindowBits, Vec<Waker>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The duty to compress a prepared message for windows of one size. Dropped unfinished, it is given up:
/// those who wait for it send the message as it is, and the next one to send it begins again.
#[derive(Debug)]
pub struct Work {
    message: Prepared,
    window: WindowBits,
}

impl Prepared {
    /// The duty to compress the message for windows of this size; `None` if somebody has it, or if that is
    /// settled.
    pub fn begin_work(&self, window: WindowBits) -> Option<Work> {
        let mut works = self.shared.works.lock();
        // What is settled ends a work before the work is gone from the list.
        if self.is_settled(window) || works.iter().any(|(other, _)| *other == window) {
            return None;
        }
        works.push((window, Vec::new()));
        Some(Work { message: self.clone(), window })
    }

    /// The frame of the message compressed for windows of this size, once the work at it has ended: `None`
    /// where the message goes as it is. `registered` is the waker that waits, and is kept by the caller
    /// between calls.
    pub fn poll_compressed(
        &self,
        window: WindowBits,
        registered: &mut Option<Waker>,
        waker: &Waker,
    ) -> Poll<Option<&Arc<[u8]>>> {
        let mut works = self.shared.works.lock();
        if let Some(frame) = self.slot(window).and_then(|slot| slot.get()) {
            return Poll::Ready(frame.as_ref());
        }
        let Some((_, wakers)) = works.iter_mut().find(|(other, _)| *other == window) else {
            return Poll::Ready(None);
        };
        if !registered.as_ref().is_some_and(|registered| registered.will_wake(waker)) {
            wakers.push(waker.clone());
            *registered = Some(waker.clone());
        }
        Poll::Pending
    }
}

impl Work {
    /// The payload, not compressed.
    pub fn payload(&self) -> &[u8] {
        self.message.payload()
    }

    /// Settles it: with the payload compressed, or with `None` where that is not shorter.
    pub fn finish(self, payload: Option<&[u8]>) {
        let frame = payload.map(|payload| self.message.compressed_frame(payload));
        if let Some(slot) = self.message.slot(self.window) {
            // Another may have compressed the message whole.
            let _ = slot.set(frame);
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let mut works = self.message.shared.works.lock();
        let at = works.iter().position(|(window, _)| *window == self.window);
        let ended = at.map(|at| works.swap_remove(at));
        drop(works);
        // Without the lock: those who are woken may run at once.
        ended.into_iter().flat_map(|(_, wakers)| wakers).for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(message: &Prepared) -> Poll<Option<Arc<[u8]>>> {
        let (mut registered, waker) = (None, Waker::noop());
        message.poll_compressed(WindowBits::MAX, &mut registered, waker).map(|frame| frame.cloned())
    }

    #[test]
    fn one_works_and_the_others_wait_for_it() {
        let message = Prepared::binary([7; 300]);
        assert_eq!(poll(&message), Poll::Ready(None));
        let work = message.begin_work(WindowBits::MAX).unwrap();
        assert!(message.begin_work(WindowBits::MAX).is_none());
        assert!(message.begin_work(WindowBits::MIN).is_some());
        assert_eq!(poll(&message), Poll::Pending);
        work.finish(Some(b"short"));
        let frame = poll(&message).map(|frame| frame.unwrap().to_vec());
        assert_eq!(frame, Poll::Ready(b"\xc2\x05short".to_vec()));
        assert!(message.begin_work(WindowBits::MAX).is_none());
    }

    #[test]
    fn work_that_is_given_up_may_begin_again_and_what_is_settled_not() {
        let message = Prepared::binary([7; 300]);
        drop(message.begin_work(WindowBits::MAX).unwrap());
        assert_eq!(poll(&message), Poll::Ready(None));
        message.begin_work(WindowBits::MAX).unwrap().finish(None);
        assert_eq!(poll(&message), Poll::Ready(None));
        assert!(message.begin_work(WindowBits::MAX).is_none());
    }

    /// A waker is kept once, however often its task is polled, and woken at either end.
    #[test]
    fn those_who_wait_are_woken_once() {
        use std::sync::atomic::{AtomicU32, Ordering};

        struct Count(AtomicU32);
        impl std::task::Wake for Count {
            fn wake(self: Arc<Self>) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        for is_finished in [false, true] {
            let message = Prepared::binary([7; 300]);
            let work = message.begin_work(WindowBits::MAX).unwrap();
            let count = Arc::new(Count(AtomicU32::new(0)));
            let (mut registered, waker) = (None, Waker::from(count.clone()));
            for _ in 0..3 {
                let polled = message.poll_compressed(WindowBits::MAX, &mut registered, &waker);
                assert!(polled.is_pending());
            }
            if is_finished {
                work.finish(None)
            } else {
                drop(work)
            }
            assert_eq!(count.0.load(Ordering::Relaxed), 1);
        }
    }
}
