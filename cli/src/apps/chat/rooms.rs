//! The rooms of this node, by name.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stickler::broker::Broker;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::names::Names;
use super::orders::Order;
use super::past::Shelf;
use super::reply::Fault;
use super::room::Room;
use crate::told::Told;

/// The chat: its rooms, and what they share.
pub(crate) struct Rooms {
    pub(super) broker: Arc<dyn Broker>,
    pub(super) names: Arc<dyn Names>,
    /// Where the tasks of the rooms run: they outlive the worker of a member.
    pub(super) runtime: Handle,
    /// What the rooms keep of their messages.
    pub(super) shelf: Shelf,
    pub(super) lines: Lines,
    most: usize,
    by_name: Mutex<HashMap<String, UnboundedSender<Order>>>,
}

/// Lines of the log that members bring about, and so as often as they like.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) unopened: Told,
    pub(super) unreachable_names: Told,
}

impl Rooms {
    /// No rooms yet. Messages go by the broker, nicknames are in `names`, and the rooms' tasks on `runtime`.
    pub(crate) fn new(broker: Arc<dyn Broker>, names: Arc<dyn Names>, runtime: Handle) -> Rooms {
        Rooms {
            broker,
            names,
            runtime,
            shelf: Shelf::default(),
            lines: Lines::default(),
            most: MOST_ROOMS,
            by_name: Mutex::default(),
        }
    }

    /// At most so many rooms at once, 1,000 unless set.
    #[cfg(test)]
    pub(super) fn most(mut self, most: usize) -> Rooms {
        self.most = most;
        self
    }

    /// Gives an order to a room, which is opened if there is none.
    ///
    /// # Errors
    /// There are too many rooms.
    pub(super) fn order(self: &Arc<Self>, name: &str, order: Order) -> Result<(), Fault> {
        let mut rooms = self.lock();
        let order = match rooms.get(name) {
            // One that is gone by a fault of its own is opened again.
            Some(room) => match room.send(order) {
                Ok(()) => return Ok(()),
                Err(unsent) => unsent.0,
            },
            None if rooms.len() >= self.most => {
                let sentence = format!("there are {} rooms already", self.most);
                return Err(Fault::new("too_many_rooms", sentence).field("room"));
            }
            None => order,
        };
        let (room, orders) = unbounded_channel();
        // The receiver is just below.
        let _ = room.send(order);
        rooms.insert(name.into(), room.clone());
        drop(rooms);
        self.runtime.spawn(Room::run(self.clone(), name.to_owned(), room, orders));
        Ok(())
    }

    /// Closes a room, unless an order has come for it.
    pub(super) fn close(&self, name: &str, orders: &mut UnboundedReceiver<Order>) -> bool {
        // Orders are given under this lock.
        let mut rooms = self.lock();
        let is_idle = orders.is_empty();
        if is_idle {
            orders.close();
            rooms.remove(name);
        }
        is_idle
    }

    /// Rooms that are open here.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, UnboundedSender<Order>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rooms at once on this node.
const MOST_ROOMS: usize = 1_000;
