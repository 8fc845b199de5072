//! The way from the workers to the thread that writes. It is bounded, and nobody waits for it: what does not fit is
//! counted and left out.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Answered when everything before it has been written, and dropped where it cannot be.
    Flush(SyncSender<()>),
}

/// An entry in the queue.
struct Queued {
    entry: Entry,
    /// How many were left out right before it.
    dropped: u64,
}

/// The end of the workers.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    entries: SyncSender<Queued>,
    /// Where the format has nothing to say of the opening of a connection, nothing is missing without it.
    shows_openings: bool,
    counts: Arc<Counts>,
}

/// What both ends know.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Entries that were left out behind the newest one in the queue. Whoever queues one holds it, so that the place
    /// where they are missing is known.
    dropped: Mutex<u64>,
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
        let shows_openings = format.shows_openings();
        let writer = Writer {
            output: BufWriter::new(output),
            format,
            counts: counts.clone(),
            told: None,
            unsaid: 0,
        };
        thread::Builder::new().name("frames".into()).spawn(move || writer.run(&queue))?;
        Ok(Queue { entries, shows_openings, counts })
    }

    /// Has this written where the format shows it, or counts it. After a fault it does neither.
    pub(super) fn put(&self, entry: Entry) {
        let counts = &self.counts;
        let is_shown = self.shows_openings || !matches!(entry, Entry::Opened(_));
        if !is_shown || counts.is_broken.load(Ordering::Relaxed) {
            return;
        }
        let size = entry.size();
        let mut dropped = counts.dropped();
        let before = counts.waiting.fetch_add(size, Ordering::Relaxed);
        if before + size > MOST_BYTES || !self.try_send(entry, &mut dropped) {
            counts.waiting.fetch_sub(size, Ordering::Relaxed);
            *dropped += 1;
        }
    }

    /// The next entry that has room tells what was left out before it.
    fn try_send(&self, entry: Entry, dropped: &mut u64) -> bool {
        let is_queued = self.entries.try_send(Queued { entry, dropped: *dropped }).is_ok();
        if is_queued {
            *dropped = 0;
        }
        is_queued
    }

    /// Waits until what was put so far is written, or a short time. Says whether it is; after a fault it is not.
    pub(super) fn flush(&self) -> bool {
        let deadline = Instant::now() + FLUSH_TIME;
        let (done, is_done) = mpsc::sync_channel(1);
        while !self.try_send(Entry::Flush(done.clone()), &mut self.counts.dropped()) {
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

impl Counts {
    fn dropped(&self) -> MutexGuard<'_, u64> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn run(mut self, queue: &Receiver<Queued>) {
        let Err(error) = self.write_all(queue) else { return };
        self.counts.is_broken.store(true, Ordering::Relaxed);
        tracing::error!(%error, "no more frames are shown: they cannot be written");
        // What is in the buffer is not tried again.
        drop(self.output.into_parts());
        queue.iter().for_each(drop);
    }

    fn write_all(&mut self, queue: &Receiver<Queued>) -> io::Result<()> {
        let mut out = Vec::new();
        self.format.begin(&mut out)?;
        self.output.write_all(&out)?;
        loop {
            // What came is out before it is waited for more.
            let queued = match queue.try_recv() {
                Ok(queued) => Some(queued),
                Err(_) => {
                    self.output.flush()?;
                    match queue.recv_timeout(A_SECOND) {
                        Ok(queued) => Some(queued),
                        Err(RecvTimeoutError::Timeout) => None,
                        Err(RecvTimeoutError::Disconnected) => return Ok(()),
                    }
                }
            };
            out.clear();
            match queued {
                Some(queued) => self.write(queued, &mut out)?,
                None => self.rest(queue, &mut out)?,
            }
        }
    }

    fn write(&mut self, queued: Queued, out: &mut Vec<u8>) -> io::Result<()> {
        let Queued { entry, dropped } = queued;
        self.counts.waiting.fetch_sub(entry.size(), Ordering::Relaxed);
        self.note_dropped(dropped, out)?;
        let done = match entry {
            Entry::Opened(connection) => {
                self.format.opened(&connection, out)?;
                None
            }
            Entry::Frame(record) => {
                self.format.frame(&record, out)?;
                None
            }
            Entry::Flush(done) => {
                self.format.flush(out)?;
                Some(done)
            }
        };
        self.output.write_all(out)?;
        if let Some(done) = done {
            self.output.flush()?;
            self.told = None;
            self.tell();
            let _ = done.send(());
        }
        Ok(())
    }

    /// Nothing has come for a while: what was left out last is told although nothing follows it.
    fn rest(&mut self, queue: &Receiver<Queued>, out: &mut Vec<u8>) -> io::Result<()> {
        let counts = self.counts.clone();
        let mut dropped = counts.dropped();
        // Nothing is queued while this is held. What was just before goes first.
        if let Ok(queued) = queue.try_recv() {
            drop(dropped);
            return self.write(queued, out);
        }
        let missing = std::mem::take(&mut *dropped);
        drop(dropped);
        self.note_dropped(missing, out)?;
        self.output.write_all(out)?;
        self.tell();
        Ok(())
    }

    fn note_dropped(&mut self, dropped: u64, out: &mut Vec<u8>) -> io::Result<()> {
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
pub(crate) const FLUSH_TIME: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use stickler_testing::pipe::Pipe;

    use super::super::json::Json;
    use super::super::record::tests::records;
    use super::super::text::Text;
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

    /// Frames have their number as the length of their payload. A mark says how many numbers are missing where it stands.
    fn assert_marks_fit(written: &[u8], put: u64) {
        let mut next = 0;
        for line in str::from_utf8(written).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            match line.get("dropped") {
                Some(count) => next += count.as_u64().unwrap(),
                None => {
                    assert_eq!(line["length"], next, "{line}");
                    next += 1;
                }
            }
        }
        assert_eq!(next, put);
    }

    #[test]
    fn what_is_missing_is_told_where_it_is_missing() {
        let record = records().remove(0);
        let pipe = Pipe::default();
        let queue = Queue::start(pipe.clone(), Box::new(Json)).unwrap();
        let mut put = 0;
        // The last time is not followed by any frame.
        for round in 0..3 {
            let blocked = pipe.blocked.lock().unwrap();
            for _ in 0..2 * MOST_ENTRIES {
                let payload_len = Some(put);
                queue.put(Entry::Frame(Box::new(Record { payload_len, ..record.clone() })));
                put += 1;
            }
            drop(blocked);
            // Some have room now, or all.
            let enough = if round == 0 { 0 } else { 100 * size_of::<Record>() };
            while queue.counts.waiting.load(Ordering::Relaxed) > enough {
                thread::yield_now();
            }
        }
        while !queue.flush() {}
        assert_marks_fit(&pipe.written.lock().unwrap(), put);
    }

    /// A format that shows no openings loses none.
    #[test]
    fn only_what_would_have_been_written_is_missing() {
        let record = records().remove(0);
        let formats: [(Box<dyn Format>, u64); 2] =
            [(Box::new(Json), 1), (Box::new(Text::new(false)), 2)];
        for (format, lines_of_each) in formats {
            let pipe = Pipe::default();
            let queue = Queue::start(pipe.clone(), format).unwrap();
            let blocked = pipe.blocked.lock().unwrap();
            let put = 2 * MOST_ENTRIES as u64;
            for _ in 0..put {
                queue.put(Entry::Opened(record.connection.clone()));
                queue.put(Entry::Frame(Box::new(record.clone())));
            }
            drop(blocked);
            while !queue.flush() {}
            let written = String::from_utf8(pipe.written.lock().unwrap().clone()).unwrap();
            let (mut shown, mut missing) = (0, 0);
            for line in written.lines().filter(|line| !line.starts_with("time ")) {
                let count = line.strip_prefix("{\"dropped\":").and_then(|it| it.strip_suffix('}'));
                let count = count.or_else(|| Some(line.split_once(" are missing here")?.0));
                match count {
                    Some(count) => missing += count.parse::<u64>().unwrap(),
                    None => shown += 1,
                }
            }
            assert!(missing > 0, "{shown}");
            assert_eq!(shown + missing, put * lines_of_each);
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
        while !queue.counts.is_broken.load(Ordering::Relaxed) {
            assert!(!queue.flush());
        }
        assert!(!queue.flush(), "nothing was written");
        let waiting = queue.counts.waiting.load(Ordering::Relaxed);
        queue.put(Entry::Frame(Box::new(record)));
        assert_eq!(queue.counts.waiting.load(Ordering::Relaxed), waiting);
    }
}
