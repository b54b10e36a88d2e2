//! A script, played against a stack.

mod calling;
mod compare;
mod counters;
mod expect;
mod inject;
mod ticks;

use std::collections::VecDeque;

use crate::ast::{Action, Body, Event, Script, SystemCall, Time};
use crate::calls::Context;
use crate::code::{self, Variables};
use crate::failure::{Failure, Outcome, Place};
use crate::flow::Flow;
use crate::numbers;
use crate::packet::Message;
use crate::setup::{Family, Setup};
use crate::shell::{self, Command};
use crate::system::{Answer, Call, Change, Happening, System};
use crate::tcp_info;
use counters::Counters;

/// A packet that is awaited whenever it comes is not awaited longer than this.
const LONGEST: i64 = 1_000_000_000;

/// A call that has been started and has not returned.
struct Running<'a> {
    place: Place,
    script: &'a SystemCall,
    call: Call,
    /// When it must return.
    end: i64,
}

struct Player<'a> {
    context: Context<'a>,
    system: &'a mut dyn System,
    /// The time of the event before.
    last: i64,
    /// Packets that left and that no event has looked at.
    packets: VecDeque<(i64, Vec<u8>)>,
    running: Option<Running<'a>>,
    flows: Vec<Flow>,
    /// The flow that packets without ports belong to.
    current: Option<usize>,
    /// The port of the last `listen` or `bind`.
    listening: Option<u16>,
    /// The script's descriptor that is connecting.
    connecting: Option<i32>,
    /// The remote port of the next connection that comes in.
    next_port: u16,
    variables: Variables,
    printed: Vec<String>,
    counters: Counters,
}

/// Plays a script. The answer is what its code printed.
pub(crate) fn play(
    script: &Script,
    setup: &Setup,
    system: &mut dyn System,
) -> Outcome<Vec<String>> {
    let mut player = Player {
        context: Context {
            setup,
            files: Default::default(),
            epoch: system.epoch(),
        },
        system,
        last: 0,
        packets: VecDeque::new(),
        running: None,
        flows: Vec::new(),
        current: None,
        listening: None,
        connecting: None,
        next_port: 40_001,
        variables: Variables::new(),
        printed: Vec::new(),
        counters: Counters::default(),
    };
    player.counters = Counters::of(script, &*player.system)?;
    for (place, command) in &setup.preparation {
        player.command(command, *place)?;
    }
    for event in &script.events {
        let result = player.event(event);
        player.pass(event, result)?;
    }
    player.finish_call()?;
    Ok(player.printed)
}

/// Whether a script can be played over a family at all: it may speak of ICMP messages that this one does not have.
pub(crate) fn check(script: &Script, family: Family) -> Outcome<()> {
    for (place, commands) in &script.preparation {
        for command in shell::commands(commands, *place)? {
            if let Command::Change(Change::Route(change)) = command
                && change.destination.0.is_ipv6() != (family == Family::V6)
            {
                let what = format!(
                    "a route to {} is not for {}",
                    change.destination.0,
                    family.name()
                );
                return Err(Failure::new(*place, what));
            }
        }
    }
    for event in &script.events {
        if let Action::Packet(packet) = &event.action
            && let Body::Icmp(icmp) = &packet.body
        {
            Message::of(icmp, family == Family::V6)?;
        }
    }
    Ok(())
}

/// A time as scripts write it.
fn seconds(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    format!("{sign}{}.{:06} s", micros / 1_000_000, micros % 1_000_000)
}

impl<'a> Player<'a> {
    fn event(&mut self, event: &'a Event) -> Outcome<()> {
        if let Action::Packet(packet) = &event.action
            && !packet.is_inbound
        {
            return self.expect(packet, event);
        }
        let time = match event.time {
            Time::At(time) | Time::Between(time, _) => time,
            Time::After(time) | Time::AfterBetween(time, _) => self.last.saturating_add(time),
            Time::Any => self.system.now(),
        };
        self.wait(time)?;
        let late = self.system.now().saturating_sub(time);
        if late > self.context.setup.tolerance {
            let what = format!("this comes {} too late", seconds(late));
            return Err(Failure::new(event.place, what));
        }
        // From where the times of this event are counted.
        let base = match event.time {
            Time::After(_) | Time::AfterBetween(..) => self.last,
            Time::At(_) | Time::Between(..) | Time::Any => 0,
        };
        self.last = time;
        match &event.action {
            Action::Packet(packet) => match &packet.body {
                Body::Tcp(segment) => self.inject_segment(packet, segment, event.place),
                Body::Udp { length } => self.inject_udp(packet, *length, event.place),
                Body::Icmp(icmp) => self.inject_icmp(packet, icmp),
            },
            Action::Call(call) => self.call(call, event.place, time, base),
            Action::Shell(text) => self.shell(text, event.place),
            Action::Code(program) => {
                let info = self.info(event.place)?;
                let memory = self.memory();
                let system = &*self.system;
                let names = |name: &str| {
                    tcp_info::member(&info, name)
                        .or_else(|| numbers::number(name).map(i128::from))
                        .or_else(|| tcp_info::memory(&memory, name))
                        .or_else(|| system.counter(name).map(i128::from))
                };
                let printed = code::run(program, &names, &mut self.variables)?;
                self.printed.extend(printed);
                Ok(())
            }
        }
    }

    /// A failure that the script wants to hear of only.
    fn pass(&mut self, event: &Event, result: Outcome<()>) -> Outcome<()> {
        let lenience = self.context.setup.lenience;
        let is_passed = match event.action {
            Action::Packet(_) => lenience.packets,
            Action::Call(_) => lenience.calls,
            Action::Shell(_) | Action::Code(_) => false,
        };
        match result {
            Err(failure) if is_passed => {
                let line = failure.place.line;
                let told = format!(
                    "line {line}: {}, which the script passes over",
                    failure.what
                );
                self.printed.push(told);
                Ok(())
            }
            result => result,
        }
    }

    fn shell(&mut self, text: &str, place: Place) -> Outcome<()> {
        for command in shell::commands(text, place)? {
            self.command(&command, place)?;
        }
        Ok(())
    }

    fn command(&mut self, command: &Command, place: Place) -> Outcome<()> {
        let failed = |why: String| Failure::new(place, why);
        match command {
            Command::Set(name, value) => self.system.set(name, value).map_err(failed)?,
            Command::SetIfKnown(name, value) => {
                if self.system.has_setting(name) {
                    self.system.set(name, value).map_err(failed)?;
                }
            }
            Command::Either(first, second) => {
                let is_there = first.iter().all(|command| match command {
                    Command::Set(name, _) => self.system.has_setting(name),
                    _ => true,
                });
                for command in if is_there { first } else { second } {
                    self.command(command, place)?;
                }
            }
            Command::Change(change) => {
                self.system.change(change).map_err(failed)?;
                self.wait(self.system.now())?;
            }
            Command::Counters => self.counters.read(&*self.system),
            Command::Grown { name, by, restarts } => {
                self.counters.check(name, *by, &*self.system, place)?;
                if *restarts {
                    self.counters.read(&*self.system);
                }
            }
            Command::Listed { files, patterns } => self.search(files, patterns, place)?,
            Command::Segmentation(_) => {
                let what = "segmentation can be switched before the first event only";
                return Err(Failure::new(place, what));
            }
        }
        Ok(())
    }

    /// That one of the files has a line as wanted.
    fn search(
        &mut self,
        files: &[String],
        patterns: &[(bool, String)],
        place: Place,
    ) -> Outcome<()> {
        let mut text = String::new();
        for file in files {
            let table = self.system.table(file);
            text.push_str(&table.map_err(|why| Failure::new(place, why))?);
        }
        let fits = |line: &str| {
            let mut patterns = patterns.iter();
            patterns.all(|(is_inverted, pattern)| line.contains(pattern) != *is_inverted)
        };
        if text.lines().any(fits) {
            return Ok(());
        }
        let what = format!("no line of {} is as wanted", files.join(" and "));
        Err(Failure::new(place, what).note("seen", text.trim_end()))
    }

    /// The `TCP_INFO` of the connection under test; before there is one, of the newest socket.
    fn info(&mut self, place: Place) -> Outcome<Vec<u8>> {
        let flow = self.current.and_then(|at| self.flows.get(at));
        let fd = flow.and_then(|flow| flow.fd).or(self.connecting);
        let Some(file) = fd.and_then(|fd| self.context.files.get(&fd)) else {
            // Code that asks for nothing of it may still run.
            let newest = self.context.files.last_key_value();
            let info = newest.and_then(|(_, file)| self.system.tcp_info(file.live).ok());
            return Ok(info.unwrap_or_default());
        };
        let info = self.system.tcp_info(file.live);
        info.map_err(|errno| {
            let what = format!("TCP_INFO answers {}", numbers::errno_name(errno));
            Failure::new(place, what)
        })
    }

    /// What `SO_MEMINFO` says of the same socket.
    fn memory(&mut self) -> Vec<u8> {
        const SOL_SOCKET: i32 = 1;
        const SO_MEMINFO: i32 = 55;
        let flow = self.current.and_then(|at| self.flows.get(at));
        let fd = flow.and_then(|flow| flow.fd).or(self.connecting);
        let file = fd.and_then(|fd| self.context.files.get(&fd));
        let memory = file.and_then(|file| {
            let value = self.system.option(file.live, SOL_SOCKET, SO_MEMINFO);
            value.ok()
        });
        memory.unwrap_or_default()
    }

    /// Lets time pass up to `until`, and keeps what happens.
    fn wait(&mut self, until: i64) -> Outcome<()> {
        loop {
            match self.system.run(until) {
                Happening::Packet(time, packet) => self.packets.push_back((time, packet)),
                Happening::Returned(time, answer) => self.returned(time, &answer)?,
                Happening::Nothing => return Ok(()),
            }
        }
    }

    /// The next packet that leaves, at `until` at the latest.
    fn next_packet(&mut self, until: i64) -> Outcome<Option<(i64, Vec<u8>)>> {
        loop {
            if let Some(packet) = self.packets.pop_front() {
                return Ok(Some(packet));
            }
            match self.system.run(until) {
                Happening::Packet(time, packet) => self.packets.push_back((time, packet)),
                Happening::Returned(time, answer) => self.returned(time, &answer)?,
                Happening::Nothing => return Ok(None),
            }
        }
    }

    /// The call that ran has returned.
    fn returned(&mut self, time: i64, answer: &Answer) -> Outcome<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        self.after(&running, answer)?;
        let early = running.end.saturating_sub(time);
        if early.abs() > self.context.setup.tolerance {
            let what = format!("`{}` did not return in time", running.script.name);
            return Err(Failure::new(running.place, what)
                .note("expected", format!("at {}", seconds(running.end)))
                .note("seen", format!("at {}", seconds(time))));
        }
        Ok(())
    }
}
