//! The newest messages of a room as this node delivered them.
//!
//! It answers who comes back: what lies behind a position, exactly, or that only the broker can tell.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stickler::broker::Position;

/// What the rooms of a node keep together, in bytes. Clones count the same.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    taken: Arc<AtomicUsize>,
}

/// The newest messages, each as the JSON that members got.
pub(super) struct Past {
    shelf: Shelf,
    messages: VecDeque<(Position, Arc<str>)>,
    /// Everything of the room that is behind this is in `messages`.
    floor: Position,
}

impl Past {
    /// Nothing, and nothing is missing behind `floor`.
    pub(super) fn new(shelf: &Shelf, floor: Position) -> Past {
        Past { shelf: shelf.clone(), messages: VecDeque::new(), floor }
    }

    /// What the broker has kept: the newest messages of the room, each with its JSON.
    pub(super) fn of(shelf: &Shelf, kept: Vec<(Position, Arc<str>)>, end: Position) -> Past {
        // Nothing lies between a number and the next one.
        let before = |at: Position| Position { offset: at.offset.saturating_sub(1), ..at };
        let floor = kept.first().map_or(end, |(first, _)| before(*first));
        let mut past = Past::new(shelf, floor);
        for (position, json) in kept {
            past.push(position, json);
        }
        past
    }

    /// Where the newest message stands.
    pub(super) fn end(&self) -> Position {
        self.messages.back().map_or(self.floor, |(position, _)| *position)
    }

    /// Takes the next message in. False: it is here already.
    pub(super) fn push(&mut self, position: Position, json: Arc<str>) -> bool {
        let end = self.end();
        if position.epoch == end.epoch && position.offset <= end.offset {
            return false;
        }
        self.shelf.taken.fetch_add(json.len(), Ordering::Relaxed);
        self.messages.push_back((position, json));
        // One stays however little room there is: so a room in use is never without its newest message.
        while self.messages.len() > MOST || self.messages.len() > 1 && self.shelf.is_full() {
            self.forget_oldest();
        }
        true
    }

    fn forget_oldest(&mut self) {
        if let Some((gone, json)) = self.messages.pop_front() {
            self.floor = gone;
            self.shelf.taken.fetch_sub(json.len(), Ordering::Relaxed);
        }
    }

    /// The newest messages.
    pub(super) fn newest(&self) -> Vec<Arc<str>> {
        self.messages.iter().map(|(_, json)| json.clone()).collect()
    }

    /// What lies behind this position, if that is certain: nothing behind it was forgotten here.
    pub(super) fn behind(&self, after: Position) -> Option<Vec<Arc<str>>> {
        match self.joined_to(after) {
            Joint::Here(behind) => Some(behind),
            Joint::Later | Joint::Apart => None,
        }
    }

    /// What lies behind the end of what the broker gave, if nothing between the two is missing.
    pub(super) fn joined_to(&self, end: Position) -> Joint {
        let newest = self.end();
        if end.epoch != newest.epoch {
            Joint::Apart
        } else if newest.offset < end.offset {
            Joint::Later
        } else if end.offset < self.floor.offset {
            Joint::Apart
        } else {
            Joint::Here(self.from(end.offset))
        }
    }

    fn from(&self, offset: u64) -> Vec<Arc<str>> {
        let behind = self.messages.iter().skip_while(|(at, _)| at.offset <= offset);
        behind.map(|(_, json)| json.clone()).collect()
    }
}

impl Shelf {
    fn is_full(&self) -> bool {
        self.taken.load(Ordering::Relaxed) > MOST_BYTES
    }
}

impl Drop for Past {
    fn drop(&mut self) {
        let all = self.messages.iter().map(|(_, json)| json.len()).sum();
        self.shelf.taken.fetch_sub(all, Ordering::Relaxed);
    }
}

/// How what the broker gave and what this node has fit together.
pub(super) enum Joint {
    /// These come next.
    Here(Vec<Arc<str>>),
    /// This node has not delivered so far yet.
    Later,
    /// There is a hole between the two.
    Apart,
}

/// Messages that a room keeps, and gives to a member who comes.
pub(super) const MOST: usize = 100;

/// Bytes of the messages that all rooms of a node keep. Beyond, a room that gets a message forgets older ones.
const MOST_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> Position {
        Position { epoch: 7, offset }
    }

    fn past(floor: u64, offsets: impl IntoIterator<Item = u64>) -> Past {
        let mut past = Past::new(&Shelf::default(), at(floor));
        for offset in offsets {
            assert!(past.push(at(offset), offset.to_string().into()));
        }
        past
    }

    #[test]
    fn behind_a_known_position_is_exact() {
        let past = past(3, [5, 8, 9]);
        assert_eq!(past.behind(at(3)).unwrap().concat(), "589");
        assert_eq!(past.behind(at(8)).unwrap().concat(), "9");
        // Of another room, which shares the numbers.
        assert_eq!(past.behind(at(7)).unwrap().concat(), "89");
        assert_eq!(past.behind(at(9)).unwrap().concat(), "");
        for unknown in [at(2), at(10), Position { epoch: 8, offset: 8 }] {
            assert!(past.behind(unknown).is_none(), "{unknown:?}");
        }
    }

    #[test]
    fn it_is_bounded_and_takes_nothing_twice() {
        let most = u64::try_from(MOST).unwrap();
        let mut past = past(0, 1..=most + 2);
        assert_eq!(past.newest().len(), MOST);
        assert!(past.behind(at(1)).is_none());
        assert_eq!(past.behind(at(2)).unwrap().len(), MOST);
        assert!(!past.push(at(most + 2), "again".into()));
        assert!(!past.push(at(1), "old".into()));
    }

    #[test]
    fn all_rooms_together_have_a_bound() {
        let shelf = Shelf::default();
        let big: Arc<str> = "x".repeat(MOST_BYTES / 10).into();
        let (mut one, mut other) = (Past::new(&shelf, at(0)), Past::new(&shelf, at(0)));
        for offset in 1..=6 {
            one.push(at(offset), big.clone());
            other.push(at(offset), big.clone());
        }
        assert!(shelf.taken.load(Ordering::Relaxed) <= MOST_BYTES);
        assert_eq!(one.newest().len() + other.newest().len(), 10);
        // What was forgotten is known to be: nobody is told that it is all.
        assert!(one.behind(at(0)).is_none() || other.behind(at(0)).is_none());
        drop((one, other));
        assert_eq!(shelf.taken.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_the_broker_gave_is_joined_without_a_hole() {
        let past = past(3, [5, 8]);
        let Joint::Here(next) = past.joined_to(at(6)) else { panic!("6") };
        assert_eq!(next.concat(), "8");
        assert!(matches!(past.joined_to(at(8)), Joint::Here(next) if next.is_empty()));
        assert!(matches!(past.joined_to(at(9)), Joint::Later));
        assert!(matches!(past.joined_to(at(2)), Joint::Apart));
        assert!(matches!(past.joined_to(Position { epoch: 1, offset: 8 }), Joint::Apart));
    }
}
