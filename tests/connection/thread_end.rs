//! The end of a thread, when nothing that threads hold and lend can be had.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Wake, Waker};

use stickler::{Config, Endpoint};

use crate::support::{REQUEST, echo, text, wire};

/// Wakes nobody, and is told from all others.
struct Nobody;

impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

/// Polled while its thread ends.
#[test]
fn input_is_not_lost_while_a_thread_ends() {
    struct AtTheEnd(Option<Box<dyn FnOnce()>>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            // A panic here would end the process.
            let _ = catch_unwind(AssertUnwindSafe(self.0.take().unwrap()));
        }
    }
    thread_local! {
        static AT_THE_END: Mutex<Option<AtTheEnd>> = const { Mutex::new(None) };
    }
    let (told, tells) = mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let entered = runtime.handle().clone();
    let ending = std::thread::spawn(move || {
        // Made first, so destroyed last; behind it only what the clock looks at.
        drop(entered.enter());
        AT_THE_END.with(|slot| drop(slot.lock().unwrap()));
        let mut config = Config::default();
        config.timeouts.keepalive_interval = None;
        let (transport, peer) = wire();
        let entered_now = entered.enter();
        let serving = Endpoint::new(config).serve(transport, None, echo);
        drop(entered_now);
        let mut serving = Box::pin(serving);
        let nobody = Waker::from(Arc::new(Nobody));
        let mut poll = move || {
            let polled = serving.as_mut().poll(&mut Context::from_waker(&nobody));
            assert!(polled.is_pending());
        };
        peer.send(REQUEST);
        {
            let _entered = entered.enter();
            poll();
        }
        peer.send(text("while it lives"));
        poll();
        let end = move || {
            peer.send([text("a"), text("b")].concat());
            poll();
            peer.send(text("c"));
            poll();
            told.send(peer.written()).unwrap();
        };
        AT_THE_END.with(|slot| *slot.lock().unwrap() = Some(AtTheEnd(Some(Box::new(end)))));
    });
    let written = tells.recv();
    ending.join().unwrap();
    let expected = b"\x81\x0ewhile it lives\x81\x01a\x81\x01b\x81\x01c";
    let written = written.unwrap();
    assert!(written.ends_with(expected), "{:?}", String::from_utf8_lossy(&written));
}
