//! The task of a room on this node.
//!
//! Messages come by the broker's feed only, the room's own ones too, so their order is that of all nodes.
//! The task puts each into a topic, which has it for all members at once. It also lets members in: so it
//! knows which message a new member gets next, and gives it exactly those before.
//!
//! | who | does |
//! |---|---|
//! | a member's handler | takes a nickname, gives [`Order::Join`], publishes to the broker |
//! | the room's task | reads the feed, keeps the newest messages and the list of who is present |
//! | a task beside it | makes nicknames last, and asks who is present on other nodes |

mod presence;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stickler::broker::{Event, Feed, History, Position};
use stickler::{BoxError, Prepared, Topic};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::claim::{self, Claim};
use super::orders::{Admission, Admitted, Membership, Order, Since};
use super::past::{self, Joint, Past, Shelf};
use super::reply::{Joined, Limits, Reply, Said, Signal, to_json};
use super::rooms::Rooms;

struct Member {
    claim: Claim,
    evict: oneshot::Sender<()>,
}

pub(super) struct Room {
    rooms: Arc<Rooms>,
    name: String,
    /// Tells its signals from those of other nodes. Random.
    id: u64,
    orders: UnboundedSender<Order>,
    feed: Option<Feed>,
    topic: Topic,
    past: Past,
    /// Where the newest message stands, for members who missed some.
    position: watch::Sender<Position>,
    members: BTreeMap<u64, Member>,
    /// Which member has a key of the names.
    by_key: HashMap<String, u64>,
    /// Members that left by their wish, by their keys, with number and nickname: until that is free they are present
    /// for the others.
    leaving: HashMap<String, (u64, String)>,
    next_number: u64,
    /// Nicknames on all nodes, as far as this one knows.
    present: BTreeSet<String>,
    /// Those of them that came or left since the names were asked.
    changed: BTreeSet<String>,
    is_renewing: bool,
    /// Who waits for messages that this node has not delivered yet.
    parked: Vec<Admission>,
    is_degraded: bool,
}

impl Room {
    /// Serves a room until nobody is in it.
    pub(super) async fn run(
        rooms: Arc<Rooms>,
        name: String,
        to_itself: UnboundedSender<Order>,
        mut orders: UnboundedReceiver<Order>,
    ) {
        let error = match timeout(OPENED_WITHIN, Room::open(&rooms, &name, to_itself)).await {
            Ok(Ok(room)) => return room.serve(orders).await,
            Ok(Err(error)) => error,
            Err(late) => late.into(),
        };
        if let Some(suppressed) = rooms.lines.unopened.admit(Instant::now()) {
            tracing::warn!(%error, suppressed, "a room of the chat cannot be opened");
        }
        // Who waits for an answer hears that there is none.
        while !rooms.close(&name, &mut orders) {
            while orders.try_recv().is_ok() {}
        }
    }

    async fn open(
        rooms: &Arc<Rooms>,
        name: &str,
        orders: UnboundedSender<Order>,
    ) -> Result<Room, BoxError> {
        let history = rooms.broker.history(name, None, past::MOST).await?;
        let feed = rooms.broker.subscribe(name, Some(history.last)).await?;
        let present = present(rooms, name).await?;
        let past = past_of(&rooms.shelf, history);
        Ok(Room {
            rooms: rooms.clone(),
            name: name.to_owned(),
            id: getrandom::u64().map_err(|error| error.to_string())?,
            orders,
            feed: Some(feed),
            topic: Topic::new(),
            position: watch::Sender::new(past.end()),
            past,
            members: BTreeMap::new(),
            by_key: HashMap::new(),
            leaving: HashMap::new(),
            next_number: 0,
            present: present.into_iter().collect(),
            changed: BTreeSet::new(),
            is_renewing: false,
            parked: Vec::new(),
            is_degraded: !rooms.broker.is_up(),
        })
    }

    async fn serve(mut self, mut orders: UnboundedReceiver<Order>) {
        let mut renewal = interval(RENEWED_EVERY);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        renewal.reset();
        let mut retry = interval(RETRIED_EVERY);
        retry.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => {
                        if matches!(order, Order::Leave { .. } | Order::Free { .. }) {
                            self.catch_up().await;
                        }
                        self.obey(order);
                    }
                    None => return,
                },
                event = next_event(&mut self.feed) => match event {
                    Some(event) => self.take(event).await,
                    None => self.feed = None,
                },
                _ = retry.tick(), if self.feed.is_none() => self.subscribe().await,
                _ = renewal.tick() => self.renew(),
            }
            let is_empty = self.members.is_empty() && self.parked.is_empty();
            if is_empty && self.leaving.is_empty() && self.rooms.close(&self.name, &mut orders) {
                return;
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Join(admission) => self.admit(admission),
            Order::Leave { number, wish } => self.leave(number, wish),
            Order::Free { number, key, wish } => {
                if self.leaving.get(&key).is_some_and(|(leaving, _)| *leaving == number) {
                    self.forget_leaving(&key);
                }
                // Its handler may have gone.
                let _ = wish.send(());
            }
            Order::Evict(number) => {
                self.evict(number);
            }
            Order::Present(names) => self.compare(names),
        }
    }

    /// Between two deliveries: what the member gets now and what the topic gives it fit together.
    fn admit(&mut self, admission: Admission) {
        if admission.answer.is_closed() {
            return;
        }
        let is_back = self.by_key.contains_key(&admission.claim.key);
        if self.members.len() >= MOST_MEMBERS && !is_back {
            return answer(admission, Admitted::Full);
        }
        let (history, is_gap) = match &admission.since {
            Since::Newest => (self.past.newest(), false),
            Since::Lost => (self.past.newest(), true),
            Since::After(position) => match self.past.behind(*position) {
                Some(behind) => (behind, false),
                None => return answer(admission, Admitted::AskBroker),
            },
            Since::Given { messages, end } => match self.past.joined_to(*end) {
                Joint::Here(next) => (messages.iter().cloned().chain(next).collect(), false),
                Joint::Later => return self.parked.push(admission),
                Joint::Apart => return answer(admission, Admitted::AskBroker),
            },
        };
        self.let_in(admission, &history, is_gap);
    }

    fn let_in(&mut self, admission: Admission, history: &[Arc<str>], is_gap: bool) {
        let Admission { claim, sender, answer, .. } = admission;
        // Whoever is about to give the nickname up has left before this one comes.
        self.forget_leaving(&claim.key);
        if let Some(&earlier) = self.by_key.get(&claim.key)
            && let Some(nickname) = self.evict(earlier)
            && nickname != claim.nickname
        {
            self.goes(&nickname);
        }
        self.comes(&claim.nickname);
        let end = self.past.end();
        let joined = Joined {
            kind: "joined",
            room: &self.name,
            nickname: &claim.nickname,
            secret: &claim.secret,
            epoch: end.epoch.to_string(),
            offset: end.offset,
            members: self.present.iter().map(String::as_str).collect(),
            gap: is_gap,
            limits: Limits::new(),
        };
        // Queued before the subscription, so before all that the topic gives. If it cannot be queued, the
        // connection has ended, or its queue is full: the handler hears nothing and says so.
        let mut queued = sender.send(joined.json(history));
        if self.is_degraded {
            queued = queued.and_then(|()| sender.send(Reply::Degraded.json()));
        }
        let subscription = self.topic.subscribe(&sender);
        let number = self.next_number;
        self.next_number += 1;
        let (evict, evicted) = oneshot::channel();
        self.signal(&Signal::Came { nickname: claim.nickname.clone(), room_id: self.id });
        self.by_key.insert(claim.key.clone(), number);
        self.members.insert(number, Member { claim, evict });
        let orders = self.orders.clone();
        let position = self.position.subscribe();
        let membership = Membership { number, orders, subscription, evicted, position, wish: None };
        if queued.is_ok() {
            // A handler that is gone drops the membership, and so leaves.
            let _ = answer.send(Admitted::In(membership));
        }
    }

    fn tell(&self, reply: &Reply<'_>) {
        self.topic.publish(Prepared::text(reply.json()));
    }

    /// Tells other nodes what they may miss.
    fn signal(&self, signal: &Signal) {
        let (rooms, name, payload) = (self.rooms.clone(), self.name.clone(), to_json(signal));
        self.rooms.runtime.spawn(async move {
            if let Err(error) = rooms.broker.signal(&name, payload.into()).await {
                tracing::debug!(%error, "other nodes are not told who is present");
            }
        });
    }

    async fn take(&mut self, event: Event) {
        match event {
            Event::Message(message) => self.deliver(message.position, &message.payload),
            Event::Signal(payload) => self.hear(&payload),
            Event::Gap(_) => self.mend().await,
            Event::Down => {
                self.is_degraded = true;
                self.tell(&Reply::Degraded);
            }
            Event::Up => {
                self.is_degraded = false;
                self.tell(&Reply::Restored);
            }
        }
    }

    /// Delivers what the feed has already: what a member said comes before it is told that the member left.
    async fn catch_up(&mut self) {
        for _ in 0..MOST_CAUGHT_UP {
            let event = tokio::select! {
                biased;
                Some(event) = next_event(&mut self.feed) => event,
                () = std::future::ready(()) => return,
            };
            self.take(event).await;
        }
    }

    fn deliver(&mut self, position: Position, payload: &[u8]) {
        if position.epoch != self.past.end().epoch {
            // The offsets count from another beginning.
            self.past = Past::new(&self.rooms.shelf, Position { offset: 0, ..position });
            self.tell(&Reply::gap(self.past.end()));
        }
        let Some(json) = message_json(position, payload) else { return };
        if self.past.push(position, json.clone()) {
            self.position.send_replace(position);
            self.topic.publish(Prepared::text(json));
            self.unpark();
        }
    }

    /// Those who waited for a message may come in now, or wait for the next one.
    fn unpark(&mut self) {
        for admission in std::mem::take(&mut self.parked) {
            self.admit(admission);
        }
    }

    fn hear(&mut self, payload: &[u8]) {
        match serde_json::from_slice(payload) {
            // What this room has told its members comes back, and may be over by then.
            Ok(Signal::Came { room_id, .. } | Signal::Left { room_id, .. })
                if room_id == self.id => {}
            Ok(Signal::Came { nickname, .. }) => self.comes(&nickname),
            Ok(Signal::Left { nickname, .. }) if !self.is_here(&nickname) => self.goes(&nickname),
            Ok(Signal::Typing { nickname }) => self.tell(&Reply::Typing { nickname: &nickname }),
            Ok(Signal::Left { .. }) => {}
            Err(error) => {
                tracing::debug!(%error, "another program sends signals in a room of the chat")
            }
        }
    }

    /// The feed has lost something: the broker's history has it, or all members hear of the gap.
    async fn mend(&mut self) {
        let end = self.past.end();
        let asked = self.rooms.broker.history(&self.name, Some(end), MOST_MENDED);
        match timeout(OPENED_WITHIN, asked).await {
            Ok(Ok(history)) if !history.is_gap && history.messages.len() < MOST_MENDED => {
                for message in history.messages {
                    self.deliver(message.position, &message.payload);
                }
            }
            Ok(Ok(history)) => {
                self.past = past_of(&self.rooms.shelf, history);
                self.position.send_replace(self.past.end());
                self.tell(&Reply::gap(self.past.end()));
                self.unpark();
            }
            Ok(Err(_)) | Err(_) => self.feed = None,
        }
    }

    /// A feed from where the last one ended.
    async fn subscribe(&mut self) {
        let asked = self.rooms.broker.subscribe(&self.name, Some(self.past.end()));
        match timeout(OPENED_WITHIN, asked).await {
            Ok(Ok(feed)) => {
                self.feed = Some(feed);
                if std::mem::take(&mut self.is_degraded) {
                    self.tell(&Reply::Restored);
                }
            }
            Ok(Err(_)) | Err(_) => {
                if !std::mem::replace(&mut self.is_degraded, true) {
                    self.tell(&Reply::Degraded);
                }
            }
        }
    }
}

/// What the names could not be told now, they find out.
fn later(done: Result<(), BoxError>) {
    if let Err(error) = done {
        tracing::debug!(%error, "a nickname of the chat goes later");
    }
}

fn answer(admission: Admission, admitted: Admitted) {
    // Its handler may have gone.
    let _ = admission.answer.send(admitted);
}

async fn next_event(feed: &mut Option<Feed>) -> Option<Event> {
    match feed {
        Some(feed) => feed.next().await,
        None => std::future::pending().await,
    }
}

/// The nicknames that are present in a room, on all nodes.
async fn present(rooms: &Rooms, name: &str) -> Result<Vec<String>, BoxError> {
    let values = rooms.names.list(&claim::prefix(name)).await?;
    let entries = values.iter().filter_map(|value| claim::entry(value));
    Ok(entries.filter(|entry| entry.is_present).map(|entry| entry.nickname).collect())
}

fn past_of(shelf: &Shelf, history: History) -> Past {
    let kept = history.messages.into_iter().filter_map(|message| {
        Some((message.position, message_json(message.position, &message.payload)?))
    });
    Past::of(shelf, kept.collect(), history.last)
}

/// A stored message as members get it. Another program may have stored something else.
pub(super) fn message_json(position: Position, payload: &[u8]) -> Option<Arc<str>> {
    let said: Said = serde_json::from_slice(payload).ok()?;
    Some(said.json(position).into())
}

/// Members of a room on this node.
const MOST_MEMBERS: usize = 5_000;

/// How often a nickname is made to last: three times before it is over.
const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// How long the names may take to give up a nickname before its member is told to have left all the same.
const RELEASED_WITHIN: Duration = Duration::from_secs(5);

/// How often the feed is asked for again, where it has ended.
const RETRIED_EVERY: Duration = Duration::from_millis(500);

/// How long the broker may take to open a room.
const OPENED_WITHIN: Duration = Duration::from_secs(5);

/// Events that are delivered before a member leaves. A feed that never ends holds up no order for longer.
const MOST_CAUGHT_UP: usize = 4_096;

/// Messages of a gap that are given to all members. With more, members ask for themselves.
const MOST_MENDED: usize = 1_000;
