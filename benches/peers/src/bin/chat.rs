//! A room of the chat beside a bare topic: how long a server works for each delivery, and how late that comes.
//!
//! Both servers get the same members, the same messages at the same pace, and one worker. They are measured in turn.
//! `benches/chat.sh` builds everything and runs this.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use futures_util::stream::SplitStream;
use futures_util::{SinkExt, StreamExt};
use hdrhistogram::Histogram;
use stickler_peers::accounting::Cpu;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Measures the chat of the program beside a topic without one.
#[derive(Parser)]
struct Options {
    /// The program `stickler`
    #[arg(long)]
    program: PathBuf,
    /// The server `broadcast-stickler`
    #[arg(long)]
    bare: PathBuf,
    #[arg(long, default_value_t = 1000)]
    members: usize,
    /// Members that say something, once a second each
    #[arg(long, default_value_t = 10)]
    speakers: usize,
    /// How long a round counts
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Failure = Box<dyn Error + Send + Sync>;

/// What one round found.
struct Round {
    cpu_us: f64,
    late_ms: [f64; 3],
    deliveries: u64,
    expected: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Chat,
    Bare,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let options = Options::parse();
    println!("server | CPU per delivery, us | late by, ms: median, p99, most | delivered");
    let (mut ratios, mut worst) = (Vec::new(), 0.0_f64);
    for _ in 0..options.rounds {
        let chat = measure(&options, Kind::Chat).await?;
        let bare = measure(&options, Kind::Bare).await?;
        for (name, round) in [("chat", &chat), ("bare", &bare)] {
            let [median, p99, most] = round.late_ms;
            let (got, all) = (round.deliveries, round.expected);
            println!(
                "{name} | {:.2} | {median:.1}, {p99:.1}, {most:.1} | {got} of {all}",
                round.cpu_us
            );
            if got != all {
                return Err(format!("{name}: {got} deliveries instead of {all}").into());
            }
        }
        ratios.push(chat.cpu_us / bare.cpu_us);
        worst = worst.max(chat.late_ms[1]);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, most) = (ratios[0], ratios[ratios.len() - 1]);
    println!(
        "chat / bare: {:.3} ({least:.3} to {most:.3}); the chat's worst p99: {worst:.1} ms",
        ratios[ratios.len() / 2]
    );
    Ok(())
}

async fn measure(options: &Options, kind: Kind) -> Result<Round, Failure> {
    let server = Started::new(options, kind)?;
    let began = Instant::now();
    let counts = Arc::new(Mutex::new(Counts::default()));
    let mut speakers = Vec::new();
    for number in 0..options.members {
        let (sink, stream) = enter(&server.url, kind, number).await?.split();
        tokio::spawn(listen(stream, began, counts.clone()));
        // The others are kept too: a connection lasts as long as both of its halves.
        speakers.push(sink);
    }
    let idle = speakers.split_off(options.speakers);
    // Who came is told to all; that is not to be counted.
    sleep(Duration::from_secs(2)).await;
    lock(&counts).reset();
    let before = Cpu::of(server.process.id())?;
    let mut said = 0;
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(options.speakers)?);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..options.seconds * options.speakers as u64 {
        pace.tick().await;
        let speaker = said % options.speakers;
        speakers[speaker].send(Message::text(words(kind, said, began))).await?;
        said += 1;
    }
    sleep(Duration::from_millis(500)).await;
    let cpu = Cpu::of(server.process.id())? - before;
    drop(idle);
    let counts = lock(&counts);
    let late = |quantile| counts.late.value_at_quantile(quantile) as f64 / 1e3;
    Ok(Round {
        cpu_us: cpu.total.as_secs_f64() * 1e6 / counts.deliveries as f64,
        late_ms: [late(0.5), late(0.99), late(1.0)],
        deliveries: counts.deliveries,
        expected: (said * options.members) as u64,
    })
}

async fn enter(url: &str, kind: Kind, number: usize) -> Result<Socket, Failure> {
    let mut request = url.into_client_request()?;
    if kind == Kind::Chat {
        let protocol = HeaderValue::from_static("stickler.chat.v1");
        request.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
    }
    let (mut socket, _) = connect_async(request).await?;
    if kind == Kind::Chat {
        let join = format!(r#"{{"type":"join","room":"bench","nickname":"member {number}"}}"#);
        socket.send(Message::text(join)).await?;
        let answer = socket.next().await.ok_or("no answer to the join")??;
        if !answer.to_text()?.starts_with(r#"{"type":"joined""#) {
            return Err(format!("not joined: {answer}").into());
        }
    }
    Ok(socket)
}

/// When a message was said stands in it. Both kinds are about as long when they arrive.
fn words(kind: Kind, number: usize, began: Instant) -> String {
    let text = format!("t={:020} and some words, as people say them", began.elapsed().as_micros());
    match kind {
        Kind::Chat => format!(r#"{{"type":"say","id":"{number}","text":"{text}"}}"#),
        Kind::Bare => format!(
            r#"{{"type":"message","offset":{number},"epoch":"1796000000000000000","nickname":"member 1","text":"{text}","time":1796000000000,"id":"{number}"}}"#
        ),
    }
}

async fn listen(mut stream: SplitStream<Socket>, began: Instant, counts: Arc<Mutex<Counts>>) {
    while let Some(Ok(message)) = stream.next().await {
        let Ok(text) = message.to_text() else { continue };
        let said = text.split_once("t=").and_then(|(_, rest)| rest.get(..20)?.parse::<u64>().ok());
        if let Some(said) = said {
            let late = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX) - said;
            lock(&counts).note(late);
        }
    }
}

/// What all members got.
struct Counts {
    deliveries: u64,
    /// In microseconds.
    late: Histogram<u64>,
}

impl Default for Counts {
    fn default() -> Self {
        let late = Histogram::new(3).unwrap_or_else(|_| unreachable!("three digits are allowed"));
        Self { deliveries: 0, late }
    }
}

impl Counts {
    fn note(&mut self, late: u64) {
        self.deliveries += 1;
        // It grows as it has to; three digits of a u64 always fit.
        let _ = self.late.record(late);
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

fn lock(counts: &Mutex<Counts>) -> std::sync::MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A server that is ended with this value.
struct Started {
    process: Child,
    url: String,
}

impl Started {
    fn new(options: &Options, kind: Kind) -> Result<Self, Failure> {
        let mut command = match kind {
            Kind::Chat => {
                let mut command = Command::new(&options.program);
                command.args(["--listen", "127.0.0.1:0", "--workers", "1", "--log", "off"]);
                command
            }
            Kind::Bare => Command::new(&options.bare),
        };
        let mut process = command.stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let at = line.find("127.0.0.1:").ok_or_else(|| format!("no address in {line:?}"))?;
        let address: String =
            line[at..].chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        let path = if kind == Kind::Chat { "chat" } else { "" };
        Ok(Self { process, url: format!("ws://{address}/{path}") })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
