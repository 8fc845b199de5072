//! The core without a transport: a header, a message, and an echo from input to batch.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use stickler::MessageKind;
use stickler::proto::frame::{FrameHeader, FrameLimits, HeaderContext};
use stickler::proto::outbound::Outbound;

use support::echo::{Echo, send};
use support::{Case, Kind, LENGTHS, cases};

mod support;

fn main() {
    divan::main();
}

/// The three forms of the length.
#[divan::bench(args = [125, 126, 65_536])]
fn parse_header(bencher: Bencher<'_, '_>, len: usize) {
    let frame = Case::new(Kind::Binary, len).frame();
    let any_size = FrameLimits { max_frame_size: 16 << 20, max_rest: 16 << 20 };
    let context = HeaderContext {
        message_unfinished: false,
        size: any_size,
        compressed_size: None,
        fragment_allowed: true,
        empty_end_allowed: true,
    };
    bencher.bench_local(|| FrameHeader::parse(black_box(&frame), black_box(&context)));
}

#[divan::bench(args = cases())]
fn receive(bencher: Bencher<'_, '_>, case: Case) {
    let mut echo = Echo::new();
    let mut frame = case.frame();
    bencher.counter(BytesCount::new(case.len)).bench_local(|| echo.receive(black_box(&mut frame)));
}

#[divan::bench(args = LENGTHS)]
fn start_message_and_append(bencher: Bencher<'_, '_>, len: usize) {
    let payload = Case::new(Kind::Binary, len).payload();
    let (mut outbound, mut batch) = (Outbound::new(), Vec::with_capacity(2 << 20));
    bencher.counter(BytesCount::new(len)).bench_local(|| {
        batch.clear();
        send(&mut outbound, &mut batch, black_box(MessageKind::Binary), black_box(&payload));
        black_box(&batch).len()
    });
}

#[divan::bench(args = cases())]
fn echo(bencher: Bencher<'_, '_>, case: Case) {
    let mut echo = Echo::new();
    let mut frame = case.frame();
    bencher.counter(BytesCount::new(case.len)).bench_local(|| {
        echo.batch.clear();
        echo.echo(black_box(&mut frame));
        black_box(&echo.batch).len()
    });
}

/// As many messages as one read brings: 64 KiB of frames, or one.
#[divan::bench(args = cases())]
fn echo_of_one_read(bencher: Bencher<'_, '_>, case: Case) {
    let mut echo = Echo::new();
    let frame = case.frame();
    let messages = ((64 << 10) / frame.len()).max(1);
    let mut input = frame.repeat(messages);
    bencher.counter(ItemsCount::new(messages)).bench_local(|| {
        echo.batch.clear();
        assert_eq!(echo.echo(black_box(&mut input)), messages);
        black_box(&echo.batch).len()
    });
}
