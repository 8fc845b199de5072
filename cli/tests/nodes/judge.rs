//! What the clients have seen and were told, and whether it is one story.

use std::collections::{HashMap, HashSet};
use std::fmt;

/// A message as a client has received it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Message {
    pub(crate) epoch: String,
    pub(crate) offset: u64,
    pub(crate) nickname: String,
    pub(crate) id: String,
    pub(crate) text: String,
}

/// What one client remembers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) nickname: String,
    /// All messages, in the order in which they came.
    pub(crate) received: Vec<Message>,
    /// Id and text of everything that it said.
    pub(crate) said: Vec<(String, String)>,
    /// Ids that were acknowledged, with the offset.
    pub(crate) accepted: Vec<(String, u64)>,
    pub(crate) counts: Counts,
    /// What may not happen at all.
    pub(crate) faults: Vec<String>,
}

/// How often something happened that is allowed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) joins: usize,
    /// Joins through nginx; `None` without one.
    pub(crate) through_nginx: Option<usize>,
    pub(crate) refused: usize,
    pub(crate) unknown: usize,
    pub(crate) gaps: usize,
    pub(crate) degraded: usize,
    pub(crate) retries: usize,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} joins, ", self.joins)?;
        if let Some(joins) = self.through_nginx {
            write!(f, "{joins} of them through nginx, ")?;
        }
        write!(
            f,
            "{} said again, {} refused, {} of unknown fate, {} gaps filled, {} times degraded",
            self.retries, self.refused, self.unknown, self.gaps, self.degraded
        )
    }
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Counts) {
        self.joins += other.joins;
        if let Some(joins) = other.through_nginx {
            *self.through_nginx.get_or_insert(0) += joins;
        }
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.gaps += other.gaps;
        self.degraded += other.degraded;
        self.retries += other.retries;
    }
}

/// Everything that is wrong with these records, in sentences; empty if nothing is.
pub(crate) fn judge(records: &[Record]) -> Vec<String> {
    let mut faults = Vec::new();
    for record in records {
        faults.extend(record.faults.iter().map(|fault| format!("{}: {fault}", record.nickname)));
        find_doubled_and_reordered(record, &mut faults);
        find_unacknowledged(record, &mut faults);
    }
    find_differences(records, &mut faults);
    find_lost_and_invented(records, &mut faults);
    faults
}

fn find_doubled_and_reordered(record: &Record, faults: &mut Vec<String>) {
    let mut ids = HashSet::new();
    for message in &record.received {
        if !ids.insert(&message.id) {
            faults.push(format!("{} has received {} twice", record.nickname, message.id));
        }
    }
    for pair in record.received.windows(2) {
        if pair[0].epoch != pair[1].epoch {
            let (one, other) = (&pair[0].epoch, &pair[1].epoch);
            faults.push(format!("{}: epoch {one}, then {other}", record.nickname));
        } else if pair[0].offset >= pair[1].offset {
            let (one, other) = (pair[0].offset, pair[1].offset);
            faults.push(format!("{}: offset {one}, then {other}", record.nickname));
        }
    }
}

fn find_unacknowledged(record: &Record, faults: &mut Vec<String>) {
    let accepted: HashSet<&str> = record.accepted.iter().map(|(id, _)| &**id).collect();
    for (id, _) in record.said.iter().filter(|(id, _)| !accepted.contains(&**id)) {
        faults.push(format!("{id} was never acknowledged"));
    }
}

/// All clients have the first one's sequence.
fn find_differences(records: &[Record], faults: &mut Vec<String>) {
    let Some((first, others)) = records.split_first() else { return };
    for other in others {
        let pairs = first.received.iter().zip(&other.received);
        let same = pairs.take_while(|(one, other)| one == other).count();
        let rest = (first.received.get(same), other.received.get(same));
        if rest != (None, None) {
            let (one, other) = (&first.nickname, &other.nickname);
            faults.push(format!("{one} and {other} differ at message {same}: {rest:?}"));
        }
    }
}

/// What was acknowledged is where it was said to be, and everything that is there was said.
fn find_lost_and_invented(records: &[Record], faults: &mut Vec<String>) {
    let Some(first) = records.first() else { return };
    let seen: HashMap<&str, &Message> =
        first.received.iter().map(|message| (&*message.id, message)).collect();
    for (id, offset) in records.iter().flat_map(|record| &record.accepted) {
        match seen.get(&**id) {
            None => faults.push(format!("{id} was acknowledged and is lost")),
            Some(message) if message.offset != *offset => {
                let is = message.offset;
                faults.push(format!("{id} was acknowledged at {offset} and is at {is}"));
            }
            Some(_) => {}
        }
    }
    let said: HashMap<&str, (&str, &str)> = records
        .iter()
        .flat_map(|record| record.said.iter().map(move |said| (record, said)))
        .map(|(record, (id, text))| (&**id, (&*record.nickname, &**text)))
        .collect();
    for message in &first.received {
        if said.get(&*message.id) != Some(&(&*message.nickname, &*message.text)) {
            faults.push(format!("nobody has said {message:?}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(offset: u64, nickname: &str) -> Message {
        Message {
            epoch: "1".into(),
            offset,
            nickname: nickname.into(),
            id: format!("id-{offset}"),
            text: format!("text {offset}"),
        }
    }

    /// Two clients, of which ann has said four messages.
    fn good() -> Vec<Record> {
        let received: Vec<Message> = [3, 4, 7, 9].map(|offset| message(offset, "ann")).into();
        let said = received.iter().map(|m| (m.id.clone(), m.text.clone())).collect();
        let accepted = received.iter().map(|m| (m.id.clone(), m.offset)).collect();
        let ann = Record {
            nickname: "ann".into(),
            received: received.clone(),
            said,
            accepted,
            ..Record::default()
        };
        vec![ann, Record { nickname: "bob".into(), received, ..Record::default() }]
    }

    fn faults_after(change: impl FnOnce(&mut Vec<Record>)) -> String {
        let mut records = good();
        change(&mut records);
        judge(&records).join("\n")
    }

    #[test]
    fn one_story_is_good() {
        assert_eq!(faults_after(|_| {}), "");
    }

    #[test]
    fn a_message_lost_by_one_is_found() {
        let faults = faults_after(|records| drop(records[1].received.remove(1)));
        assert!(faults.contains("ann and bob differ at message 1"), "{faults}");
        let faults = faults_after(|records| drop(records[1].received.pop()));
        assert!(faults.contains("ann and bob differ at message 3"), "{faults}");
        let faults = faults_after(|records| drop(records[0].received.pop()));
        assert!(faults.contains("ann and bob differ at message 3"), "{faults}");
    }

    #[test]
    fn a_message_lost_by_all_is_found() {
        let faults = faults_after(|records| {
            records.iter_mut().for_each(|record| drop(record.received.remove(2)));
        });
        assert_eq!(faults, "id-7 was acknowledged and is lost");
    }

    #[test]
    fn a_message_delivered_twice_is_found() {
        let faults = faults_after(|records| {
            let again = records[1].received[3].clone();
            records[1].received.push(again);
        });
        assert!(faults.contains("bob has received id-9 twice"), "{faults}");
    }

    #[test]
    fn a_message_stored_twice_is_found() {
        let faults = faults_after(|records| {
            for record in records {
                let again = Message { offset: 12, ..record.received[3].clone() };
                record.received.push(again);
            }
        });
        assert!(faults.contains("ann has received id-9 twice"), "{faults}");
        assert!(faults.contains("bob has received id-9 twice"), "{faults}");
    }

    #[test]
    fn a_reordered_message_is_found() {
        let faults = faults_after(|records| records[1].received.swap(1, 2));
        assert!(faults.contains("bob: offset 7, then 4"), "{faults}");
    }

    #[test]
    fn an_acknowledgement_elsewhere_is_found() {
        let faults = faults_after(|records| records[0].accepted[0].1 = 4);
        assert_eq!(faults, "id-3 was acknowledged at 4 and is at 3");
    }

    #[test]
    fn a_message_without_an_acknowledgement_is_found() {
        let faults = faults_after(|records| drop(records[0].accepted.pop()));
        assert_eq!(faults, "id-9 was never acknowledged");
    }

    #[test]
    fn a_changed_message_is_found() {
        let faults = faults_after(|records| {
            records.iter_mut().for_each(|record| record.received[0].text.push('!'));
        });
        assert!(faults.starts_with("nobody has said "), "{faults}");
    }
}
