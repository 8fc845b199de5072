//! How a prepared message is queued compressed: compressed once for all connections that can follow it
//! (RFC 7692 §7.2.1). One that takes more than a slice is compressed by a task of its own.

use std::sync::Arc;

use super::compressing::{Sending, compress};
use super::sender::Sender;
use super::sending::{Bound, Turn, is_large};
use crate::net::lent::outbox::{Large, header_len};
use crate::net::lent::slicing::{Effort, Slicing, Step};
use crate::net::lent::uncompressed::Uncompressed;
use crate::net::state::State;
use crate::net::state::compression::lend_compressor;
use crate::net::state::context::Context;
use crate::proto::deflate::Shape;
use crate::proto::outbound::SendError;
use crate::proto::prepared::{Prepared, Work};

impl Sender {
    /// Queues a prepared message compressed, or to be compressed, unless it is to go as it is: then the lock
    /// comes back.
    pub(super) fn queue_prepared<'a>(
        &'a self,
        sending: &Sending,
        turn: Turn<'a>,
        prepared: &Prepared,
        bound: Bound,
    ) -> Result<Option<Turn<'a>>, SendError> {
        let is_settled = prepared.is_settled(sending.window());
        let len = prepared.payload().len();
        if !is_settled && !sending.is_a_slice(len, turn.queue.compressed()) {
            return self.queue_awaited(sending, turn, prepared).map(|()| None);
        }
        drop(turn);
        let frame = sending.frame_of(prepared, &self.shared.context);
        let mut turn = Turn::for_message(&self.shared, bound)?;
        let Some(frame) = frame else { return Ok(Some(turn)) };
        turn.queue.outbound_mut().start_prepared()?;
        queue_shared(&mut turn, frame);
        turn.queue.count_message(prepared.kind(), len);
        self.shared.context.tally.deflated(len, frame.len() - header_len(frame));
        if !is_settled {
            turn.queue.note_compressed(len);
        }
        turn.queue.outbound_mut().remember(prepared.payload());
        Ok(None)
    }

    /// Queues a prepared message that a task compresses for all; begins that task unless it runs.
    fn queue_awaited(
        &self,
        sending: &Sending,
        mut turn: Turn<'_>,
        prepared: &Prepared,
    ) -> Result<(), SendError> {
        let window = sending.window();
        let shape = sending.shape(prepared.payload().len());
        let is_owed = sending.takes_over();
        turn.queue.outbound_mut().start_prepared()?;
        // Before it is queued: a message for which nobody works goes as it is.
        let work = prepared.begin_work(window);
        turn.queue.append_uncompressed(Uncompressed::prepared(
            prepared.clone(),
            window,
            shape,
            is_owed,
        ));
        turn.queue.count_message(prepared.kind(), prepared.payload().len());
        // RFC 7692 §7.1.1: later messages may refer to this one, which goes compressed then.
        turn.queue.outbound_mut().remember(prepared.payload());
        drop(turn);
        if let Some(work) = work {
            let context = &self.shared.context;
            context.spawn(compress_for_all(work, shape, context.clone()));
        }
        Ok(())
    }
}

impl Sending {
    /// The frame of a prepared message, compressed for all connections with this window.
    fn frame_of<'a>(&self, prepared: &'a Prepared, context: &Context) -> Option<&'a Arc<[u8]>> {
        let compressor = if prepared.is_settled(self.window()) {
            None
        } else {
            // Want of memory passes; what is settled stays.
            Some(lend_compressor(context, self.shape(prepared.payload().len()))?)
        };
        prepared.compressed(self.window(), |payload| compress(compressor?, &[], payload))
    }
}

/// Compresses a prepared message slice by slice, with others' turns between. Dropped with its runtime it
/// drops the work: then the message goes as it is.
async fn compress_for_all(work: Work, shape: Shape, context: Arc<Context>) {
    let mut slicing = Slicing::new(shape);
    let lend = |shape| lend_compressor(&context, shape);
    loop {
        let effort = Effort::WhileItShrinks;
        match slicing.slice(work.payload(), &[], effort, &mut 0, &lend) {
            // Behind what the runtime has to read: a task that wakes itself would go before it.
            Step::NotYet => tokio::task::yield_now().await,
            Step::Compressed(payload) => return work.finish(Some(&payload)),
            Step::DoesNotShrink => return work.finish(None),
            // Want of memory passes; what is settled stays.
            Step::NoCompressor => return,
        }
    }
}

/// Queues a frame that is shared with other connections.
fn queue_shared(state: &mut State, frame: &Arc<[u8]>) {
    if is_large(frame.len()) {
        state.queue.append_large(&[], Large::Shared(frame.clone()));
    } else {
        state.queue.append_encoded(frame);
    }
}
