//! The subscribers of one worker, and the task there that hands messages round.

use std::future::poll_fn;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;

use super::roll::{AT_ONCE, Roll};
use crate::net::{Context, Sender};
use crate::proto::prepared::Prepared;

/// The subscribers of one worker.
pub(super) struct Branch {
    context: Arc<Context>,
    skipped: Arc<AtomicU64>,
    roll: Mutex<Roll>,
}

/// The branch of this worker, made if there is none.
pub(super) fn branch_of(
    context: &Arc<Context>,
    branches: &mut Vec<Arc<Branch>>,
    skipped: &Arc<AtomicU64>,
) -> Arc<Branch> {
    let known = branches.iter().find(|branch| Arc::ptr_eq(&branch.context, context));
    if let Some(branch) = known {
        return branch.clone();
    }
    // Members come only under this lock, so an empty one stays empty.
    branches.retain(|branch| branch.lock().live > 0);
    let branch = Arc::new(Branch {
        context: context.clone(),
        skipped: skipped.clone(),
        roll: Mutex::default(),
    });
    branches.push(branch.clone());
    branch
}

impl Branch {
    /// Gives the number of members. Those who have ended are put into `gone`, to be dropped
    /// without the lock: each may be the last handle of its connection.
    pub(super) fn publish(self: &Arc<Branch>, message: &Prepared, gone: &mut Vec<Sender>) -> usize {
        let mut roll = self.lock();
        let live = roll.live;
        if live == 0 {
            return 0;
        }
        roll.push(message);
        while roll.waiting_len > self.context.max_queued() {
            roll.deliver(&self.skipped, gone);
        }
        if !roll.is_hopping && roll.members.len() <= AT_ONCE && roll.is_here() {
            while !roll.waiting.is_empty() {
                roll.deliver(&self.skipped, gone);
            }
        }
        if !roll.waiting.is_empty() && !std::mem::replace(&mut roll.is_hopping, true) {
            drop(roll);
            self.context.spawn(hop(Hop(Some(self.clone()))));
        }
        live
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Roll> {
        self.roll.lock().unwrap_or_else(PoisonError::into_inner)
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
    let mut gone = Vec::new();
    loop {
        {
            let mut roll = branch.lock();
            roll.deliver(&branch.skipped, &mut gone);
            if roll.waiting.is_empty() {
                roll.is_hopping = false;
                hop.0 = None;
                return;
            }
        }
        gone.clear();
        // Those who got it are written first: so few outboxes are in use at once.
        let_woken_run().await;
    }
}

/// Goes on behind the tasks that were woken before. tokio's `yield_now` would look at all sockets
/// first, which is a system call.
async fn let_woken_run() {
    let mut is_behind = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut is_behind, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
