//! Who is in a room: who leaves it, whose nickname another connection takes over, and who is present on other nodes.

use std::collections::BTreeSet;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::super::claim::Claim;
use super::super::orders::Order;
use super::super::reply::{Reply, Signal};
use super::{RELEASED_WITHIN, Room, later, present};

impl Room {
    /// Whoever hears that somebody left by its wish may have the nickname: so it is given up first.
    pub(super) fn leave(&mut self, number: u64, wish: Option<oneshot::Sender<()>>) {
        let Some(member) = self.members.remove(&number) else { return };
        self.by_key.remove(&member.claim.key);
        let claim = member.claim;
        let Some(wish) = wish else {
            self.tell_left(&claim.nickname);
            self.rooms.runtime.spawn(async move { later(claim.keep().await) });
            return;
        };
        self.leaving.insert(claim.key.clone(), (number, claim.nickname.clone()));
        let orders = self.orders.clone();
        self.rooms.runtime.spawn(async move {
            match timeout(RELEASED_WITHIN, claim.release()).await {
                Ok(done) => later(done),
                Err(late) => later(Err(late.into())),
            }
            let _ = orders.send(Order::Free { number, key: claim.key, wish });
        });
    }

    /// A member that was about to give up the nickname of this key is told to have left.
    pub(super) fn forget_leaving(&mut self, key: &str) {
        if let Some((_, nickname)) = self.leaving.remove(key) {
            self.tell_left(&nickname);
        }
    }

    fn tell_left(&mut self, nickname: &str) {
        self.goes(nickname);
        self.signal(&Signal::Left { nickname: nickname.to_owned(), room_id: self.id });
    }

    /// Another connection has the nickname of a member, which stays present. Gives the nickname.
    pub(super) fn evict(&mut self, number: u64) -> Option<String> {
        let member = self.members.remove(&number)?;
        self.by_key.remove(&member.claim.key);
        // Its handler may have gone.
        let _ = member.evict.send(());
        Some(member.claim.nickname)
    }

    pub(super) fn comes(&mut self, nickname: &str) {
        self.changed.insert(nickname.to_owned());
        if self.present.insert(nickname.to_owned()) {
            self.tell(&Reply::Came { nickname });
        }
    }

    pub(super) fn goes(&mut self, nickname: &str) {
        self.changed.insert(nickname.to_owned());
        if self.present.remove(nickname) {
            self.tell(&Reply::Left { nickname });
        }
    }

    /// Whether a member of this node has the nickname, or is about to give it up.
    pub(super) fn is_here(&self, nickname: &str) -> bool {
        let mut members = self.members.values().map(|member| &member.claim.nickname);
        let mut leaving = self.leaving.values().map(|(_, nickname)| nickname);
        members.any(|name| name == nickname) || leaving.any(|name| name == nickname)
    }

    /// Makes the nicknames of the members last, and asks who else is present.
    pub(super) fn renew(&mut self) {
        self.parked.retain(|admission| !admission.answer.is_closed());
        if std::mem::replace(&mut self.is_renewing, true) {
            return;
        }
        self.changed.clear();
        let claims: Vec<(u64, Claim)> =
            self.members.iter().map(|(number, member)| (*number, member.claim.clone())).collect();
        let (rooms, name, orders) = (self.rooms.clone(), self.name.clone(), self.orders.clone());
        self.rooms.runtime.spawn(async move {
            for (number, claim) in claims {
                // What cannot be renewed now is tried again before it is over.
                if let Ok(false) = claim.renew().await {
                    let _ = orders.send(Order::Evict(number));
                }
            }
            let present = present(&rooms, &name).await;
            let _ = orders.send(Order::Present(present.ok()));
        });
    }

    /// Nodes that died have told nobody that their members are gone.
    pub(super) fn compare(&mut self, names: Option<Vec<String>>) {
        self.is_renewing = false;
        let Some(names) = names else { return };
        let names: BTreeSet<String> = names.into_iter().collect();
        let changed = std::mem::take(&mut self.changed);
        for nickname in
            names.difference(&self.present.clone()).filter(|name| !changed.contains(*name))
        {
            self.comes(nickname);
        }
        let mine: BTreeSet<&str> =
            self.members.values().map(|member| &*member.claim.nickname).collect();
        let is_gone = |name: &&String| {
            !names.contains(*name) && !changed.contains(*name) && !mine.contains(&***name)
        };
        let gone: Vec<String> = self.present.iter().filter(is_gone).cloned().collect();
        gone.iter().for_each(|nickname| self.goes(nickname));
    }
}
