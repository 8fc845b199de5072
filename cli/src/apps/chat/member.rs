//! One connection of the chat: it reads requests, and says what became of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stickler::broker::{BoxFuture, Position, PublishError};
use stickler::{Message, Receiver, Sender};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use super::claim::Claim;
use super::orders::{Admission, Admitted, Membership, Order, Since};
use super::pace::Pace;
use super::reply::{Fault, Reply, Said, Signal, to_json};
use super::request::{Join, Request, parse};
use super::room::message_json;
use super::rooms::Rooms;

/// Serves a connection until its end.
pub(super) async fn serve(
    mut receiver: Receiver,
    sender: Sender,
    rooms: Arc<Rooms>,
) -> stickler::Result<()> {
    let mut member = Member {
        sender,
        rooms,
        place: None,
        requests: Pace::new(BURST, Duration::from_secs(1) / PER_SECOND),
        typing: Pace::new(1, TYPING_EVERY),
    };
    loop {
        tokio::select! {
            message = receiver.recv() => match message? {
                Some(message) => {
                    let request = read(message);
                    member.hear(request).await?;
                }
                None => return Ok(()),
            },
            happened = happens(&mut member.place) => member.tell(happened).await?,
        }
    }
}

fn read(message: Message<'_>) -> Result<Request, Fault> {
    match message.as_text() {
        Some(text) => parse(text),
        None => Err(Fault::new("binary", "a message is text with one JSON object")),
    }
}

struct Member {
    sender: Sender,
    rooms: Arc<Rooms>,
    place: Option<Place>,
    /// Of `join`, `say` and `leave`.
    requests: Pace,
    typing: Pace,
}

/// Where a connection is.
struct Place {
    room: String,
    claim: Claim,
    membership: Membership,
    /// What is to be said, one after the other, so that the order stays. At most [`MOST_WAITING`].
    waiting: Waiting,
}

/// Messages by their ids.
type Waiting = VecDeque<(String, BoxFuture<'static, Published>)>;

type Published = Result<Position, PublishError>;

/// What happens to a member by itself.
enum Happened {
    Published(String, Published),
    /// It did not read fast enough.
    Lagged,
    /// Another connection has the nickname.
    Evicted,
    /// The room's task has failed.
    RoomGone,
}

/// # Cancel safety
/// What is not given yet, the next call gives.
async fn happens(place: &mut Option<Place>) -> Happened {
    let Some(place) = place else { return std::future::pending().await };
    let published = async {
        match place.waiting.front_mut() {
            Some((_, publishing)) => publishing.await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        published = published => {
            let id = place.waiting.pop_front().map(|(id, _)| id).unwrap_or_default();
            Happened::Published(id, published)
        }
        _ = place.membership.subscription.lagged() => Happened::Lagged,
        evicted = &mut place.membership.evicted => match evicted {
            Ok(()) => Happened::Evicted,
            Err(_) => Happened::RoomGone,
        },
    }
}

impl Member {
    async fn hear(&mut self, request: Result<Request, Fault>) -> stickler::Result<()> {
        let done = match request {
            Ok(request) => self.follow(request).await,
            Err(fault) => Err(fault),
        };
        match done {
            Ok(()) => Ok(()),
            Err(fault) => self.reply(&Reply::Error(&fault)).await,
        }
    }

    async fn follow(&mut self, request: Request) -> Result<(), Fault> {
        match request {
            Request::Join(join) => {
                self.count(None)?;
                self.join(join).await
            }
            Request::Say { id, text } => self.say(id, text),
            Request::Typing => self.type_on(),
            Request::Leave => {
                self.count(None)?;
                if self.place.is_none() {
                    return Err(not_in_a_room());
                }
                self.leave().await;
                Ok(())
            }
        }
    }

    fn count(&mut self, id: Option<&str>) -> Result<(), Fault> {
        if self.requests.take() {
            return Ok(());
        }
        let sentence = format!("at most {BURST} requests at once, and {PER_SECOND} a second");
        let fault = Fault::new("too_fast", sentence);
        Err(match id {
            Some(id) => fault.id(id),
            None => fault,
        })
    }

    async fn join(&mut self, join: Join) -> Result<(), Fault> {
        if self.place.is_some() {
            return Err(Fault::new("in_a_room", "leave the room before you join one").field("room"));
        }
        // The nickname before the place: nobody waits while the names are asked.
        let claim = Claim::take(&self.rooms, &join).await?;
        let admitted = self.admit(&join, &claim).await;
        let given_up = match admitted {
            Ok(membership) => {
                let (room, waiting) = (join.room, VecDeque::new());
                self.place = Some(Place { room, claim, membership, waiting });
                return Ok(());
            }
            Err(fault) => fault,
        };
        // One that was there before is kept for its owner.
        let done = if join.secret.is_some() { claim.keep().await } else { claim.release().await };
        if let Err(error) = done {
            tracing::debug!(%error, "a nickname of the chat goes later");
        }
        Err(given_up)
    }

    async fn admit(&mut self, join: &Join, claim: &Claim) -> Result<Membership, Fault> {
        let mut since = join.after.map_or(Since::Newest, Since::After);
        for _ in 0..TRIES {
            match self.ask(join, claim, since).await? {
                Admitted::In(membership) => return Ok(membership),
                Admitted::Full => {
                    let sentence = "there is no place left in this room";
                    return Err(Fault::new("room_full", sentence).field("room"));
                }
                Admitted::AskBroker => since = self.look_up(join).await?,
            }
        }
        match self.ask(join, claim, Since::Lost).await? {
            Admitted::In(membership) => Ok(membership),
            Admitted::Full | Admitted::AskBroker => Err(Fault::unavailable()),
        }
    }

    async fn ask(&mut self, join: &Join, claim: &Claim, since: Since) -> Result<Admitted, Fault> {
        let (answer, answered) = oneshot::channel();
        let (claim, sender) = (claim.clone(), self.sender.clone());
        let admission = Admission { claim, sender, since, answer };
        self.rooms.order(&join.room, Order::Join(admission))?;
        match timeout(ANSWERED_WITHIN, answered).await {
            Ok(Ok(admitted)) => Ok(admitted),
            Ok(Err(_)) | Err(_) => Err(Fault::unavailable()),
        }
    }

    /// What the broker has behind the last message that the client saw.
    async fn look_up(&mut self, join: &Join) -> Result<Since, Fault> {
        let asked = self.rooms.broker.history(&join.room, join.after, MOST_MISSED);
        let history = match timeout(ANSWERED_WITHIN, asked).await {
            Ok(Ok(history)) => history,
            Ok(Err(error)) => {
                tracing::debug!(%error, "the history of a room cannot be read");
                return Err(Fault::unavailable());
            }
            Err(_) => return Err(Fault::unavailable()),
        };
        if history.is_gap || history.messages.len() >= MOST_MISSED {
            return Ok(Since::Lost);
        }
        let messages = history.messages.iter();
        let messages =
            messages.filter_map(|message| message_json(message.position, &message.payload));
        Ok(Since::Given { messages: messages.collect(), end: history.last })
    }

    fn say(&mut self, id: String, text: String) -> Result<(), Fault> {
        self.count(Some(&id))?;
        let Some(place) = &mut self.place else { return Err(not_in_a_room().id(&id)) };
        if place.waiting.len() >= MOST_WAITING {
            let sentence = format!("{MOST_WAITING} messages wait to be stored");
            return Err(Fault::new("too_fast", sentence).id(&id));
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = u64::try_from(since_1970.as_millis()).unwrap_or_default();
        let nickname = place.claim.nickname.clone();
        let payload = to_json(&Said { nickname, text, time, id: id.clone() });
        let (rooms, room) = (self.rooms.clone(), place.room.clone());
        let message_id = place.claim.message_id(&id);
        let publishing =
            async move { rooms.broker.publish(&room, &message_id, payload.into()).await };
        place.waiting.push_back((id, Box::pin(publishing)));
        Ok(())
    }

    /// What was said before is stored first, and answered.
    async fn leave(&mut self) {
        // Where an answer cannot be sent the connection has ended: the next `recv` says how.
        let _ = self.finish().await;
        let Some(mut place) = self.place.take() else { return };
        let (wish, is_free) = oneshot::channel();
        place.membership.wish = Some(wish);
        drop(place);
        // The nickname is free before the next request is read. Where the names cannot be reached, it goes later.
        let _ = timeout(ANSWERED_WITHIN, is_free).await;
    }

    /// Waits until all is stored that was said, and answers it. What takes too long is `unknown`.
    async fn finish(&mut self) -> stickler::Result<()> {
        let deadline = Instant::now() + ANSWERED_WITHIN;
        while let Some(place) = &mut self.place
            && let Some((_, publishing)) = place.waiting.front_mut()
            && let Ok(published) = timeout_at(deadline, publishing).await
        {
            let id = place.waiting.pop_front().map(|(id, _)| id).unwrap_or_default();
            self.tell(Happened::Published(id, published)).await?;
        }
        let late = self.place.as_mut().map(|place| std::mem::take(&mut place.waiting));
        self.forsake(late.unwrap_or_default()).await
    }

    /// Of messages that nobody waits for any more it is not known what becomes of them.
    async fn forsake(&mut self, waiting: Waiting) -> stickler::Result<()> {
        let ids: Vec<String> = waiting.into_iter().map(|(id, _)| id).collect();
        for id in &ids {
            self.reply(&Reply::Unknown { id }).await?;
        }
        Ok(())
    }

    /// The member is in no room any more, and not by its wish.
    async fn lose_place(&mut self, fault: Fault) -> stickler::Result<()> {
        let waiting = self.place.take().map(|place| place.waiting);
        self.forsake(waiting.unwrap_or_default()).await?;
        self.reply(&Reply::Error(&fault)).await
    }

    /// More often than the members can see is not passed on.
    fn type_on(&mut self) -> Result<(), Fault> {
        let place = self.place.as_ref().ok_or_else(not_in_a_room)?;
        if self.typing.take() {
            let nickname = place.claim.nickname.clone();
            let (rooms, room) = (self.rooms.clone(), place.room.clone());
            let payload = to_json(&Signal::Typing { nickname });
            self.rooms.runtime.spawn(async move {
                if let Err(error) = rooms.broker.signal(&room, payload.into()).await {
                    tracing::debug!(%error, "nobody hears that somebody is typing");
                }
            });
        }
        Ok(())
    }

    async fn tell(&mut self, happened: Happened) -> stickler::Result<()> {
        match happened {
            Happened::Published(id, Ok(Position { epoch, offset })) => {
                let epoch = epoch.to_string();
                self.reply(&Reply::Accepted { id: &id, offset, epoch }).await
            }
            Happened::Published(id, Err(PublishError::Refused(error))) => {
                tracing::debug!(%error, "a message of the chat was refused");
                let message = "the chat cannot store messages at present; say it again";
                self.reply(&Reply::Refused { id: &id, message }).await
            }
            Happened::Published(id, Err(PublishError::Unknown(error))) => {
                tracing::debug!(%error, "what became of a message of the chat is not known");
                self.reply(&Reply::Unknown { id: &id }).await
            }
            Happened::Lagged => {
                let Some(place) = &self.place else { return Ok(()) };
                let position = place.membership.position();
                self.reply(&Reply::gap(position)).await
            }
            Happened::RoomGone => self.lose_place(Fault::unavailable()).await,
            Happened::Evicted => {
                let sentence = "another connection has this nickname now";
                self.lose_place(Fault::new("taken_over", sentence)).await
            }
        }
    }

    /// Waits while the client does not read: it gets no answers to requests that it does not make.
    async fn reply(&mut self, reply: &Reply<'_>) -> stickler::Result<()> {
        Ok(self.sender.send_ready(reply.json()).await?)
    }
}

fn not_in_a_room() -> Fault {
    Fault::new("not_in_a_room", "join a room first")
}

/// Requests at once.
pub(super) const BURST: u32 = 10;

/// Requests a second, beyond those at once.
pub(super) const PER_SECOND: u32 = 2;

/// How often others hear that somebody is typing.
const TYPING_EVERY: Duration = Duration::from_secs(2);

/// Messages of one member that wait to be stored.
const MOST_WAITING: usize = 16;

/// Messages that a client may have missed and gets when it comes back. With more there is a gap.
const MOST_MISSED: usize = 1_000;

/// How often the broker is asked, where the room goes on faster than that.
const TRIES: usize = 3;

/// How long a room may take to let somebody in, and the broker to store what a member said that leaves.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);
