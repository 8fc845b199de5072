//! The subscribers of one worker, and the tasks there that queue messages to them.
//!
//! | task | runs | ends |
//! |---|---|---|
//! | the hop | when messages wait for the worker; one per branch | when all members have them |
//! | catching up | when values are held back for a member; one per such member | when none is left |

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::runtime::Handle;

use super::roll::{Left, Publication, Roll};
use crate::net::{CatchUp, Context, Guest, let_woken_run};

/// The subscribers of one worker.
pub(super) struct Branch {
    pub(super) context: Arc<Context>,
    skipped: Arc<AtomicU64>,
    roll: Mutex<Roll>,
}

impl Branch {
    pub(super) fn new(context: Arc<Context>, skipped: Arc<AtomicU64>) -> Branch {
        Branch { context, skipped, roll: Mutex::default() }
    }

    /// Gives the number of members that it is for, and what is left to do without a lock.
    pub(super) fn publish(
        self: &Arc<Branch>,
        publication: &Publication<'_>,
        except: Option<u64>,
    ) -> (usize, Left) {
        let mut left = Left::default();
        let mut roll = self.lock();
        let count = roll.push(publication, except);
        if count == 0 {
            return (0, left);
        }
        let max_queued = self.context.max_queued();
        while roll.waiting_len() > max_queued {
            roll.deliver(&self.skipped, &mut left);
        }
        if !roll.is_hopping && roll.is_at_hand(publication) {
            while !roll.is_done() {
                roll.deliver(&self.skipped, &mut left);
            }
        }
        if !roll.is_done() && !std::mem::replace(&mut roll.is_hopping, true) {
            drop(roll);
            self.context.spawn(hop(Hop(Some(self.clone()))));
        }
        (count, left)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what was left to do without a lock.
    pub(super) fn finish(self: &Arc<Branch>, left: Left) {
        drop(left.gone);
        for (number, sender) in left.behind {
            let duty = Duty { branch: self.clone(), number, sender, is_done: false };
            self.context.spawn(catch_up(duty));
        }
        left.wakers.into_iter().for_each(Waker::wake);
    }
}

/// A task's turn at delivering: if it is dropped before its end, another may start.
struct Hop(Option<Arc<Branch>>);

impl Drop for Hop {
    fn drop(&mut self) {
        if let Some(branch) = &self.0 {
            branch.lock().is_hopping = false;
        }
    }
}

async fn hop(mut hop: Hop) {
    let Some(branch) = hop.0.clone() else { return };
    branch.lock().runtime = Some(Handle::current().id());
    loop {
        let mut left = Left::default();
        let is_done = {
            let mut roll = branch.lock();
            roll.deliver(&branch.skipped, &mut left);
            roll.is_hopping = !roll.is_done();
            !roll.is_hopping
        };
        if is_done {
            // Another may have started already.
            hop.0 = None;
        }
        branch.finish(left);
        if is_done {
            return;
        }
        // Those who got it are written first: so few outboxes are in use at once.
        let_woken_run().await;
    }
}

/// A task's duty to send what is held back for a member. If the task is dropped before its end, as at
/// the end of the runtime, nothing is held back any more.
struct Duty {
    branch: Arc<Branch>,
    number: u64,
    sender: Guest,
    is_done: bool,
}

impl Drop for Duty {
    fn drop(&mut self) {
        if !self.is_done
            && let Some(member) = self.branch.lock().member_mut(self.number)
        {
            member.let_go();
        }
    }
}

async fn catch_up(mut duty: Duty) {
    while duty.await_room().await && duty.queue() == CatchUp::Later {
        // What was queued is written first: that may have made room.
        let_woken_run().await;
    }
    duty.is_done = true;
}

impl Duty {
    /// Waits until the member can be sent more. Says whether there is something to send.
    async fn await_room(&self) -> bool {
        let mut ready = pin!(self.sender.ready_for_value());
        poll_fn(|cx| {
            // A subscription that is dropped wakes this task, which has nothing to do then.
            let mut roll = self.branch.lock();
            let member = roll.member_mut(self.number);
            if !member.is_some_and(|member| member.is_awaited_by(cx.waker())) {
                return Poll::Ready(false);
            }
            drop(roll);
            ready.as_mut().poll(cx).map(|()| true)
        })
        .await
    }

    fn queue(&self) -> CatchUp {
        let mut roll = self.branch.lock();
        let Some(member) = roll.member_mut(self.number) else { return CatchUp::Over };
        let caught_up = member.catch_up();
        // The task has a handle of the connection too, so this is not the last.
        let ended = if caught_up == CatchUp::Ended { roll.lose(self.number) } else { None };
        drop(roll);
        drop(ended);
        caught_up
    }
}
