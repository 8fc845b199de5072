//! What a thread lends to connections that compress: compressors, inflaters, and room for what
//! they put out. A few are kept; how much memory all take is bounded by the budget.

use std::cell::RefCell;
use std::sync::Arc;

use crate::proto::deflate::budget::Budget;
use crate::proto::deflate::{Compressor, Inflater, Shape};

/// What a thread lends, the one used last at the end. A connection that is idle holds nothing
/// of it.
#[derive(Default)]
struct Engines {
    compressors: Vec<Compressor>,
    #[allow(clippy::vec_box, reason = "the box is what connections hold while they inflate")]
    inflaters: Vec<Box<Inflater>>,
    /// Where messages are compressed to.
    scratch: Vec<u8>,
}

thread_local! {
    static ENGINES: RefCell<Engines> = RefCell::default();
}

/// An inflater; `None` when the budget has no room for one.
pub(in crate::net) fn take_inflater(budget: &Arc<Budget>) -> Option<Box<Inflater>> {
    let kept = with(|engines| {
        let fitting = engines.inflaters.iter().rposition(|kept| kept.is_charged_to(budget))?;
        Some(engines.inflaters.remove(fitting))
    });
    kept.flatten().or_else(|| make_room(|| Inflater::new(budget)).map(Box::new))
}

pub(in crate::net) fn return_inflater(inflater: Box<Inflater>) {
    with(|engines| keep(&mut engines.inflaters, inflater, MAX_KEPT_INFLATERS));
}

/// Whether an inflater can be had at present.
pub(in crate::net) fn has_inflater(budget: &Arc<Budget>) -> bool {
    let kept = with(|engines| engines.inflaters.iter().any(|kept| kept.is_charged_to(budget)));
    kept == Some(true) || make_room(|| budget.has_left(Inflater::MEMORY).then_some(())).is_some()
}

/// A compressor of this shape; `None` when the budget has no room for one.
pub(in crate::net) fn take_compressor(shape: Shape, budget: &Arc<Budget>) -> Option<Compressor> {
    let kept = with(|engines| {
        let fits = |kept: &Compressor| kept.shape() == shape && kept.is_charged_to(budget);
        let fitting = engines.compressors.iter().rposition(fits)?;
        Some(engines.compressors.remove(fitting))
    });
    kept.flatten().or_else(|| make_room(|| Compressor::new(shape, budget)))
}

pub(in crate::net) fn return_compressor(compressor: Compressor) {
    if !compressor.is_spent() {
        with(|engines| keep(&mut engines.compressors, compressor, MAX_KEPT_COMPRESSORS));
    }
}

/// Tries again without what the thread keeps for later, if the budget has no room.
pub(in crate::net) fn make_room<R>(charge: impl Fn() -> Option<R>) -> Option<R> {
    charge().or_else(|| {
        let kept = with(|engines| {
            (std::mem::take(&mut engines.compressors), std::mem::take(&mut engines.inflaters))
        });
        drop(kept);
        charge()
    })
}

/// Keeps it, and lets go of the one that was used least recently when there are too many.
fn keep<T>(kept: &mut Vec<T>, item: T, at_most: usize) {
    if kept.len() >= at_most {
        kept.remove(0);
    }
    kept.push(item);
}

/// What a message was compressed to. Its room goes back to the thread.
pub(in crate::net) struct Scratch(Vec<u8>);

impl Scratch {
    pub(in crate::net) fn take() -> Scratch {
        Scratch(with(|engines| std::mem::take(&mut engines.scratch)).unwrap_or_default())
    }

    pub(in crate::net) fn room(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Scratch {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut room = std::mem::take(&mut self.0);
        if room.capacity() <= MAX_KEPT_SCRATCH {
            room.clear();
            with(|engines| engines.scratch = room);
        }
    }
}

fn with<R>(visit: impl FnOnce(&mut Engines) -> R) -> Option<R> {
    // While a thread ends what it lends may be gone; what comes back then is freed.
    ENGINES.try_with(|engines| visit(&mut engines.borrow_mut())).ok()
}

const MAX_KEPT_INFLATERS: usize = 4;
const MAX_KEPT_COMPRESSORS: usize = 4;
const MAX_KEPT_SCRATCH: usize = 256 << 10;
