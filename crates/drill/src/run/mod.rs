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
use crate::setup::Setup;
use crate::shell::{self, Command};
use crate::system::{Answer, Call, Happening, System};
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
    for event in &script.events {
        player.event(event)?;
    }
    player.finish_call()?;
    Ok(player.printed)
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
                let system = &*self.system;
                let names = |name: &str| {
                    tcp_info::member(&info, name)
                        .or_else(|| numbers::number(name).map(i128::from))
                        .or_else(|| system.counter(name).map(i128::from))
                };
                let printed = code::run(program, &names, &mut self.variables)?;
                self.printed.extend(printed);
                Ok(())
            }
        }
    }

    fn shell(&mut self, text: &str, place: Place) -> Outcome<()> {
        for command in shell::commands(text, place)? {
            match command {
                Command::Set(name, value) => self
                    .system
                    .set(&name, &value)
                    .map_err(|why| Failure::new(place, why))?,
                Command::Counters => self.counters.read(&*self.system),
                Command::Grown { name, by, restarts } => {
                    self.counters.check(&name, by, &*self.system, place)?;
                    if restarts {
                        self.counters.read(&*self.system);
                    }
                }
                Command::Segmentation(_) => {
                    let what = "segmentation can be switched before the first event only";
                    return Err(Failure::new(place, what));
                }
            }
        }
        Ok(())
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
