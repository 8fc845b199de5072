//! What a thread lends to connections that compress: compressors, inflaters, and room for what
//! they put out. A few are kept; how much memory all take is bounded by the budget.

use std::cell::RefCell;
use std::sync::Arc;

use crate::proto::deflate::budget::Budget;
use crate::proto::deflate::{Compressor, Inflater, Shape};

/// What a thread lends. A connection that is idle holds nothing of it.
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

pub(super) fn take_inflater(budget: &Arc<Budget>) -> Option<Box<Inflater>> {
    let kept = with(|engines| engines.inflaters.pop()).flatten();
    kept.or_else(|| Inflater::new(budget).map(Box::new))
}

pub(super) fn return_inflater(inflater: Box<Inflater>) {
    with(|engines| {
        if engines.inflaters.len() < MAX_KEPT_INFLATERS {
            engines.inflaters.push(inflater);
        }
    });
}

/// A compressor of this shape; `None` when the budget has no room for one.
pub(super) fn take_compressor(shape: Shape, budget: &Arc<Budget>) -> Option<Compressor> {
    let kept = with(|engines| {
        let fitting = engines.compressors.iter().position(|kept| kept.shape() == shape)?;
        Some(engines.compressors.swap_remove(fitting))
    });
    kept.flatten().or_else(|| Compressor::new(shape, budget))
}

pub(super) fn return_compressor(compressor: Compressor) {
    if compressor.is_spent() {
        return;
    }
    with(|engines| {
        if engines.compressors.len() >= MAX_KEPT_COMPRESSORS {
            // The one that was used least recently.
            engines.compressors.remove(0);
        }
        engines.compressors.push(compressor);
    });
}

pub(super) fn take_scratch() -> Vec<u8> {
    with(|engines| std::mem::take(&mut engines.scratch)).unwrap_or_default()
}

pub(super) fn return_scratch(mut scratch: Vec<u8>) {
    if scratch.capacity() <= MAX_KEPT_SCRATCH {
        scratch.clear();
        with(|engines| engines.scratch = scratch);
    }
}

fn with<R>(visit: impl FnOnce(&mut Engines) -> R) -> Option<R> {
    // While a thread ends what it lends may be gone; what comes back then is freed.
    ENGINES.try_with(|engines| visit(&mut engines.borrow_mut())).ok()
}

const MAX_KEPT_INFLATERS: usize = 4;
const MAX_KEPT_COMPRESSORS: usize = 4;
const MAX_KEPT_SCRATCH: usize = 256 << 10;
