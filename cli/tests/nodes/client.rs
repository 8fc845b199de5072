//! A client of the chat that behaves as the page does: it goes to another node when its connection ends, resumes
//! behind the last message that it has, and says again, under the same id, what was not acknowledged.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::judge::{Message, Record};
use crate::socket::Socket;

/// What the driver and its clients share.
pub(crate) struct Plan {
    /// Where clients may go: the nodes, and nginx where there is one.
    pub(crate) nodes: Vec<SocketAddr>,
    /// Which of these is nginx.
    pub(crate) proxy: Option<SocketAddr>,
    /// From when on, and until when, messages become due.
    pub(crate) load: OnceLock<(Instant, Instant)>,
    /// The time between two messages of a client.
    pub(crate) interval: Duration,
    /// Clients that have joined once.
    pub(crate) joined: AtomicUsize,
    /// Clients whose messages are all acknowledged, after the load.
    pub(crate) settled: AtomicUsize,
    /// From now on the first client may say the last message of all.
    pub(crate) is_last: AtomicBool,
    /// When a client gives up.
    pub(crate) deadline: Instant,
}

/// One member of the room.
pub(crate) struct Client {
    plan: Arc<Plan>,
    number: usize,
    node: usize,
    socket: Option<Socket>,
    secret: Option<String>,
    /// The newest message that it has, or where it joined: epoch and offset.
    position: Option<(String, u64)>,
    due: Option<Instant>,
    planned: usize,
    /// Ids and texts to say, in order.
    waiting: VecDeque<(String, String)>,
    in_flight: Option<(String, String, Instant)>,
    not_before: Instant,
    attempts: u32,
    is_settled: bool,
    has_said_last: bool,
    is_over: bool,
    record: Record,
    /// Why the last connection ended, for the report.
    trouble: String,
}

impl Client {
    pub(crate) fn new(plan: &Arc<Plan>, number: usize) -> Client {
        let node = number % plan.nodes.len();
        let record = Record { nickname: format!("client{number:02}"), ..Record::default() };
        Client {
            plan: plan.clone(),
            number,
            node,
            socket: None,
            secret: None,
            position: None,
            due: None,
            planned: 0,
            waiting: VecDeque::new(),
            in_flight: None,
            not_before: Instant::now(),
            attempts: 0,
            is_settled: false,
            has_said_last: false,
            is_over: false,
            record,
            trouble: String::new(),
        }
    }

    /// Takes part until the last message of all has come and everything is acknowledged.
    pub(crate) fn run(mut self) -> Record {
        while !self.is_over && Instant::now() < self.plan.deadline {
            if let Err(why) = self.turn() {
                self.change_node(why);
            }
        }
        if !self.is_over {
            let waiting = self.waiting.len() + usize::from(self.in_flight.is_some());
            let trouble = &self.trouble;
            let fault = format!("it was not over in time; {waiting} wait; last trouble: {trouble}");
            self.record.faults.push(fault);
        }
        self.record
    }

    fn turn(&mut self) -> Result<(), String> {
        self.plan_messages();
        if self.socket.is_none() {
            self.join()?;
        }
        self.say()?;
        let until = Instant::now() + Duration::from_millis(20);
        if let Some(message) = self.socket()?.next(until)? {
            self.take(&message)?;
        }
        self.look_for_the_end();
        Ok(())
    }

    fn socket(&mut self) -> Result<&mut Socket, String> {
        self.socket.as_mut().ok_or_else(|| "there is no connection".to_owned())
    }

    /// Goes to the next node, after a time that doubles with each attempt in a row.
    fn change_node(&mut self, why: String) {
        self.trouble = why;
        self.socket = None;
        if let Some((id, text, _)) = self.in_flight.take() {
            self.again(id, text);
        }
        self.node += 1;
        let spread = Duration::from_millis(7 * self.number as u64);
        thread::sleep(Duration::from_millis(100 << self.attempts.min(4)) + spread);
        self.attempts += 1;
    }

    fn again(&mut self, id: String, text: String) {
        self.record.counts.retries += 1;
        self.waiting.push_front((id, text));
    }

    fn join(&mut self) -> Result<(), String> {
        let address = self.plan.nodes[self.node % self.plan.nodes.len()];
        let mut socket = Socket::open(address)?;
        let mut join = json!({"type": "join", "room": ROOM, "nickname": self.record.nickname});
        if let Some(secret) = &self.secret {
            join["secret"] = json!(secret);
        }
        if let Some((epoch, offset)) = &self.position {
            join["after"] = json!({"epoch": epoch, "offset": offset});
        }
        socket.send(&join.to_string())?;
        let until = Instant::now() + PATIENCE;
        let answer = socket.next(until)?.ok_or("no answer to a join")?;
        let answer = parse(&answer)?;
        if answer["type"] != "joined" {
            return Err(format!("joining: {answer}"));
        }
        self.socket = Some(socket);
        self.attempts = 0;
        if let Some(proxy) = self.plan.proxy {
            *self.record.counts.through_nginx.get_or_insert(0) += usize::from(address == proxy);
        }
        self.take_joined(&answer)
    }

    fn take_joined(&mut self, answer: &Value) -> Result<(), String> {
        if self.record.counts.joins == 0 {
            self.plan.joined.fetch_add(1, Ordering::Relaxed);
        }
        self.record.counts.joins += 1;
        self.secret = Some(string(answer, "secret")?);
        if answer["gap"] != false {
            self.record.faults.push("a join has a gap".into());
        }
        for message in answer["history"].as_array().ok_or("no history")? {
            self.take_message(message)?;
        }
        self.position = Some((string(answer, "epoch")?, number(answer, "offset")?));
        Ok(())
    }

    /// Makes messages due.
    fn plan_messages(&mut self) {
        let Some(&(from, until)) = self.plan.load.get() else { return };
        let first = from + self.plan.interval.mul_f64((self.number % 10) as f64 / 10.0);
        let mut due = self.due.unwrap_or(first);
        while due <= Instant::now() && due < until {
            let id = format!("{}-{}", self.record.nickname, self.planned);
            self.add(id, format!("message {} of {}", self.planned, self.record.nickname));
            self.planned += 1;
            due += self.plan.interval;
        }
        self.due = Some(due);
        let may_end = self.number == 0 && self.plan.is_last.load(Ordering::Relaxed);
        if may_end && !self.has_said_last {
            self.has_said_last = true;
            self.add("the-last".into(), LAST.into());
        }
    }

    fn add(&mut self, id: String, text: String) {
        self.record.said.push((id.clone(), text.clone()));
        self.waiting.push_back((id, text));
    }

    /// Says the next message, if none is on its way.
    fn say(&mut self) -> Result<(), String> {
        let now = Instant::now();
        if let Some((id, _, since)) = &self.in_flight {
            let is_late = now - *since > PATIENCE;
            return if is_late { Err(format!("no answer to {id}")) } else { Ok(()) };
        }
        if now < self.not_before {
            return Ok(());
        }
        let Some((id, text)) = self.waiting.pop_front() else { return Ok(()) };
        self.not_before = now + PACE;
        let say = json!({"type": "say", "id": id, "text": text}).to_string();
        self.in_flight = Some((id, text, now));
        self.socket()?.send(&say)
    }

    fn take(&mut self, message: &[u8]) -> Result<(), String> {
        let message = parse(message)?;
        match message["type"].as_str().unwrap_or_default() {
            "message" => {
                self.take_message(&message)?;
                self.position = Some((string(&message, "epoch")?, number(&message, "offset")?));
            }
            "accepted" => self.take_accepted(&message)?,
            "refused" => {
                self.record.counts.refused += 1;
                self.retry(&message)?;
            }
            "unknown" => {
                self.record.counts.unknown += 1;
                self.retry(&message)?;
            }
            "error" if message["code"] == "too_fast" => self.retry_in_flight(),
            "gap" => {
                self.record.counts.gaps += 1;
                return Err("a gap: join again behind the last message".into());
            }
            "error" if message["code"] == "unavailable" => {
                return Err(format!("out of the room: {message}"));
            }
            "degraded" => self.record.counts.degraded += 1,
            "came" | "left" | "typing" | "restored" => {}
            _ => self.record.faults.push(format!("the server has sent {message}")),
        }
        Ok(())
    }

    fn take_message(&mut self, message: &Value) -> Result<(), String> {
        let message = Message {
            epoch: string(message, "epoch")?,
            offset: number(message, "offset")?,
            nickname: string(message, "nickname")?,
            id: string(message, "id")?,
            text: string(message, "text")?,
        };
        self.record.received.push(message);
        Ok(())
    }

    fn take_accepted(&mut self, message: &Value) -> Result<(), String> {
        let id = string(message, "id")?;
        self.record.accepted.push((id.clone(), number(message, "offset")?));
        self.in_flight.take_if(|(in_flight, _, _)| *in_flight == id);
        Ok(())
    }

    /// Says it once more, later.
    fn retry(&mut self, message: &Value) -> Result<(), String> {
        let id = string(message, "id")?;
        if self.in_flight.as_ref().is_some_and(|(in_flight, _, _)| *in_flight == id) {
            self.retry_in_flight();
        }
        Ok(())
    }

    fn retry_in_flight(&mut self) {
        self.not_before = Instant::now() + PACE;
        if let Some((id, text, _)) = self.in_flight.take() {
            self.again(id, text);
        }
    }

    fn look_for_the_end(&mut self) {
        let is_loaded = self.plan.load.get().is_some_and(|(_, until)| Instant::now() >= *until);
        if !is_loaded || !self.waiting.is_empty() || self.in_flight.is_some() {
            return;
        }
        if !self.is_settled {
            self.is_settled = true;
            self.plan.settled.fetch_add(1, Ordering::Relaxed);
        }
        self.is_over = self.record.received.last().is_some_and(|message| message.text == LAST);
    }
}

fn parse(message: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(message).map_err(|error| format!("not JSON: {error}"))
}

fn string(message: &Value, field: &str) -> Result<String, String> {
    let value = message[field].as_str().map(str::to_owned);
    value.ok_or_else(|| format!("no text {field:?} in {message}"))
}

fn number(message: &Value, field: &str) -> Result<u64, String> {
    message[field].as_u64().ok_or_else(|| format!("no number {field:?} in {message}"))
}

const ROOM: &str = "nodes";

/// Nothing is said after this.
const LAST: &str = "the last message of all";

/// The server allows two messages in a second, after a burst.
const PACE: Duration = Duration::from_millis(550);

/// How long a node may take to answer. Longer than it waits for its broker.
const PATIENCE: Duration = Duration::from_secs(20);
