//! The way from the workers to the thread that writes. It is bounded, and nobody waits for it: what does not fit is
//! counted and left out.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use stickler::Inspected;

use super::Format;
use super::record::Record;

/// What is written.
pub(super) enum Entry {
    /// A connection is shown from here on.
    Opened(Inspected),
    Frame(Box<Record>),
    /// Answered when everything before it has been written.
    Flush(SyncSender<()>),
}

/// The end of the workers.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    entries: SyncSender<Entry>,
    counts: Arc<Counts>,
}

/// What both ends know.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Entries that were left out and not told of yet.
    dropped: AtomicU64,
    /// Whether nothing can be written any more.
    is_broken: AtomicBool,
}

impl Queue {
    /// Starts the thread that writes.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        format: Box<dyn Format>,
    ) -> io::Result<Queue> {
        let (entries, queue) = mpsc::sync_channel(MOST_ENTRIES);
        let counts = Arc::new(Counts::default());
        let writer = Writer {
            output: BufWriter::new(output),
            format,
            counts: counts.clone(),
            told: None,
            unsaid: 0,
        };
        thread::Builder::new().name("frames".into()).spawn(move || writer.run(&queue))?;
        Ok(Queue { entries, counts })
    }

    /// Has this written, or counts it.
    pub(super) fn put(&self, entry: Entry) {
        let counts = &self.counts;
        if counts.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let size = entry.size();
        let before = counts.waiting.fetch_add(size, Ordering::Relaxed);
        if before + size > MOST_BYTES || self.entries.try_send(entry).is_err() {
            counts.waiting.fetch_sub(size, Ordering::Relaxed);
            counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was put so far is written, or a short time. Says whether it is.
    pub(super) fn flush(&self) -> bool {
        let deadline = Instant::now() + FLUSH_TIME;
        let (done, is_done) = mpsc::sync_channel(1);
        while self.entries.try_send(Entry::Flush(done.clone())).is_err() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        is_done.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
    }
}

impl Entry {
    /// What it takes in memory, in bytes, more or less.
    fn size(&self) -> usize {
        match self {
            Entry::Frame(record) => record.size(),
            Entry::Opened(connection) => size_of::<Entry>() + connection.path().len(),
            Entry::Flush(_) => 0,
        }
    }
}

/// The end of the thread.
struct Writer<W: Write> {
    output: BufWriter<W>,
    format: Box<dyn Format>,
    counts: Arc<Counts>,
    /// When the log was told last of what is missing.
    told: Option<Instant>,
    /// What the log was not told of yet.
    unsaid: u64,
}

impl<W: Write> Writer<W> {
    /// Writes until all Queues are gone; after a fault it goes on discarding.
    fn run(mut self, queue: &Receiver<Entry>) {
        let Err(error) = self.write_all(queue) else { return };
        self.counts.is_broken.store(true, Ordering::Relaxed);
        tracing::error!(%error, "no more frames are shown: they cannot be written");
        // What is in the buffer is not tried again.
        drop(self.output.into_parts());
        for entry in queue {
            if let Entry::Flush(done) = entry {
                let _ = done.send(());
            }
        }
    }

    fn write_all(&mut self, queue: &Receiver<Entry>) -> io::Result<()> {
        let mut out = Vec::new();
        self.format.begin(&mut out)?;
        self.output.write_all(&out)?;
        loop {
            // What came is out before it is waited for more.
            let entry = match queue.try_recv() {
                Ok(entry) => entry,
                Err(_) => {
                    self.output.flush()?;
                    match queue.recv_timeout(A_SECOND) {
                        Ok(entry) => entry,
                        Err(RecvTimeoutError::Timeout) => {
                            self.tell();
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    }
                }
            };
            self.counts.waiting.fetch_sub(entry.size(), Ordering::Relaxed);
            out.clear();
            self.note_dropped(&mut out)?;
            match entry {
                Entry::Opened(connection) => self.format.opened(&connection, &mut out)?,
                Entry::Frame(record) => self.format.frame(&record, &mut out)?,
                Entry::Flush(done) => {
                    self.output.write_all(&out)?;
                    self.output.flush()?;
                    self.told = None;
                    self.tell();
                    let _ = done.send(());
                    continue;
                }
            }
            self.output.write_all(&out)?;
        }
    }

    fn note_dropped(&mut self, out: &mut Vec<u8>) -> io::Result<()> {
        let dropped = self.counts.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.format.dropped(dropped, out)?;
            self.unsaid += dropped;
            self.tell();
        }
        Ok(())
    }

    /// Tells the log what is missing, once a second at most.
    fn tell(&mut self) {
        let is_due = self.told.is_none_or(|told| told.elapsed() >= A_SECOND);
        if self.unsaid > 0 && is_due {
            let dropped = std::mem::take(&mut self.unsaid);
            self.told = Some(Instant::now());
            tracing::warn!(dropped, "frames are not shown: they come faster than they are written");
        }
    }
}

/// Entries that wait at most.
const MOST_ENTRIES: usize = 8192;

/// What they may take in memory, in bytes.
const MOST_BYTES: usize = 8 << 20;

const A_SECOND: Duration = Duration::from_secs(1);

/// What the end of the process waits for the last frames.
const FLUSH_TIME: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use stickler_testing::pipe::Pipe;

    use super::super::json::Json;
    use super::super::record::tests::records;
    use super::*;

    /// How many frames were written, and how many are said to be missing.
    fn counted(written: &[u8]) -> (usize, u64) {
        let lines = str::from_utf8(written).unwrap().lines();
        let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let (mut frames, mut dropped) = (0, 0);
        for line in lines {
            match line.get("dropped") {
                Some(count) => dropped += count.as_u64().unwrap(),
                None => frames += 1,
            }
        }
        (frames, dropped)
    }

    #[test]
    fn a_blocked_output_costs_frames_which_are_counted_and_nothing_else() {
        let record = records().remove(0);
        for (payload, most_waiting) in [(0, MOST_ENTRIES), (1 << 20, 7)] {
            let pipe = Pipe::default();
            let queue = Queue::start(pipe.clone(), Box::new(Json)).unwrap();
            let blocked = pipe.blocked.lock().unwrap();
            let put = 3 * MOST_ENTRIES.min(most_waiting * 10);
            for _ in 0..put {
                let payload = vec![b'x'; payload];
                queue.put(Entry::Frame(Box::new(Record { payload, ..record.clone() })));
            }
            assert!(queue.counts.waiting.load(Ordering::Relaxed) <= MOST_BYTES);
            drop(blocked);
            while !queue.flush() {}
            let (frames, dropped) = counted(&pipe.written.lock().unwrap());
            assert_eq!(frames as u64 + dropped, put as u64);
            assert!(dropped > 0 && frames >= most_waiting, "{frames} {dropped}");
            assert_eq!(queue.counts.waiting.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn after_a_fault_nothing_is_kept_and_nobody_waits() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = Queue::start(Full, Box::new(Json)).unwrap();
        let record = records().remove(0);
        queue.put(Entry::Frame(Box::new(record.clone())));
        while !queue.flush() {}
        assert!(queue.counts.is_broken.load(Ordering::Relaxed));
        let waiting = queue.counts.waiting.load(Ordering::Relaxed);
        queue.put(Entry::Frame(Box::new(record)));
        assert_eq!(queue.counts.waiting.load(Ordering::Relaxed), waiting);
    }
}
