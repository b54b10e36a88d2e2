//! What many claims have in common: all but the port. A host with 100,000 connections has few of these.

use alloc::vec::Vec;
use core::hash::BuildHasher;

use hashbrown::HashTable;

use super::Binding;
use crate::pages::Pages;

/// The index of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProfileId(u32);

/// A claim but for its port, which is 0 here.
#[derive(Debug, Clone)]
struct Profile {
    binding: Binding,
    /// How many kinds of claims have it.
    uses: u32,
}

/// Each profile once.
#[derive(Debug)]
pub(super) struct Profiles {
    profiles: Pages<Profile>,
    free: Vec<ProfileId>,
    table: HashTable<ProfileId>,
    /// Those that were asked for last: whoever opens connections asks for the same few again and again. They stay when
    /// nobody uses them, until others take their place here.
    recent: [Option<ProfileId>; RECENT],
    /// The place that was taken last.
    turn: usize,
}

const RECENT: usize = 4;

impl Profiles {
    pub(super) fn new() -> Self {
        Self {
            profiles: Pages::new(),
            free: Vec::new(),
            table: HashTable::new(),
            recent: [None; RECENT],
            turn: 0,
        }
    }

    pub(super) fn get(&self, id: ProfileId) -> Binding {
        self.profiles[id.0].binding
    }

    /// The profile of a claim, in use once more. `None` if there are as many as can be told apart.
    pub(super) fn hold(&mut self, claim: Binding, hasher: &impl BuildHasher) -> Option<ProfileId> {
        let binding = Binding { port: 0, ..claim };
        let recent = self.recent.iter().flatten();
        let mut alike = recent.filter(|id| self.profiles[id.0].binding == binding);
        if let Some(&id) = alike.next() {
            self.profiles[id.0].uses += 1;
            return Some(id);
        }
        let hash = hasher.hash_one(binding);
        let known = self
            .table
            .find(hash, |id| self.profiles[id.0].binding == binding);
        if let Some(&id) = known {
            self.profiles[id.0].uses += 1;
            self.note(id, hasher);
            return Some(id);
        }
        let profile = Profile { binding, uses: 1 };
        let id = match self.free.pop() {
            Some(id) => {
                self.profiles[id.0] = profile;
                id
            }
            None => ProfileId(self.profiles.push(profile)?),
        };
        let profiles = &self.profiles;
        self.table
            .insert_unique(hash, id, |id| hasher.hash_one(profiles[id.0].binding));
        self.note(id, hasher);
        Some(id)
    }

    /// It was asked for last.
    fn note(&mut self, id: ProfileId, hasher: &impl BuildHasher) {
        self.turn = (self.turn + 1) % RECENT;
        if let Some(old) = self.recent[self.turn].replace(id)
            && self.profiles[old.0].uses == 0
        {
            self.forget(old, hasher);
        }
    }

    /// One kind of claims less has it.
    pub(super) fn release(&mut self, id: ProfileId, hasher: &impl BuildHasher) {
        let profile = &mut self.profiles[id.0];
        profile.uses = profile.uses.saturating_sub(1);
        if profile.uses == 0 && !self.recent.contains(&Some(id)) {
            self.forget(id, hasher);
        }
    }

    fn forget(&mut self, id: ProfileId, hasher: &impl BuildHasher) {
        let hash = hasher.hash_one(self.profiles[id.0].binding);
        if let Ok(entry) = self.table.find_entry(hash, |other| *other == id) {
            entry.remove();
            self.free.push(id);
        }
    }
}
