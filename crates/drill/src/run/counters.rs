//! `nstat`, which tells what was counted since it was last asked.

use std::collections::BTreeMap;

use crate::ast::{Action, Script};
use crate::failure::{Failure, Outcome, Place};
use crate::shell::{self, Command};
use crate::system::System;

/// The counters that a script asks for, as they were at the last `nstat`.
#[derive(Default)]
pub(super) struct Counters {
    before: BTreeMap<String, u64>,
}

impl Counters {
    /// Those of a script, at its beginning.
    pub(super) fn of(script: &Script, system: &dyn System) -> Outcome<Self> {
        let mut counters = Self::default();
        for event in &script.events {
            let Action::Shell(text) = &event.action else {
                continue;
            };
            for command in shell::commands(text, event.place)? {
                if let Command::Grown { name, .. } = command {
                    let now = system.counter(&name).ok_or_else(|| {
                        Failure::new(event.place, format!("no counter is called `{name}`"))
                    })?;
                    counters.before.insert(name, now);
                }
            }
        }
        Ok(counters)
    }

    /// Counts from now.
    pub(super) fn read(&mut self, system: &dyn System) {
        for (name, value) in &mut self.before {
            *value = system.counter(name).unwrap_or(*value);
        }
    }

    /// Whether a counter has grown, and by so much if that is asked.
    pub(super) fn check(
        &self,
        name: &str,
        by: Option<u64>,
        system: &dyn System,
        place: Place,
    ) -> Outcome<()> {
        let before = self.before.get(name).copied().unwrap_or(0);
        let now = system.counter(name).unwrap_or(before);
        let grown = now.wrapping_sub(before);
        let (is_right, what) = match by {
            None => (grown > 0, format!("`{name}` was not counted")),
            Some(by) => (grown == by, format!("`{name}` did not grow by {by}")),
        };
        if is_right {
            return Ok(());
        }
        Err(Failure::new(place, what).note("seen", format!("it grew by {grown} to {now}")))
    }
}
