//! System calls: begun, waited for, and what the script learns from their answers.

use super::{Player, Running, seconds};
use crate::ast::{Expression, SystemCall, Value};
use crate::calls::File;
use crate::failure::{Failure, Outcome, Place};
use crate::flow;
use crate::system::{Answer, Call};

/// The port in a `sockaddr` of either family.
fn port_of(address: &[u8]) -> Option<u16> {
    let bytes = address.get(2..4)?.try_into().ok()?;
    Some(u16::from_be_bytes(bytes))
}

impl<'a> Player<'a> {
    /// Makes a call that begins at `time`; the time of its end is counted from `base`.
    pub(super) fn call(
        &mut self,
        script: &'a SystemCall,
        place: Place,
        time: i64,
        base: i64,
    ) -> Outcome<()> {
        self.finish_call()?;
        let call = self.context.prepare(script, place)?;
        self.before(script, &call);
        let end = script.end.map_or(time, |end| base.saturating_add(end));
        self.running = Some(Running {
            place,
            script,
            call: call.clone(),
            end,
        });
        self.system.start(call);
        self.wait(self.system.now())?;
        if script.end.is_none() {
            self.finish_call()?;
        }
        Ok(())
    }

    /// Waits until no call is under way.
    pub(super) fn finish_call(&mut self) -> Outcome<()> {
        let Some(end) = self.running.as_ref().map(|running| running.end) else {
            return Ok(());
        };
        let latest = end.saturating_add(self.context.setup.tolerance);
        loop {
            let Some(running) = &self.running else {
                return Ok(());
            };
            let place = running.place;
            let name = running.script.name.clone();
            match self.system.run(latest) {
                crate::system::Happening::Packet(time, packet) => {
                    self.packets.push_back((time, packet));
                }
                crate::system::Happening::Returned(time, answer) => self.returned(time, &answer)?,
                crate::system::Happening::Nothing => {
                    let what = format!("`{name}` has not returned");
                    return Err(Failure::new(place, what)
                        .note("expected", format!("that it returns at {}", seconds(end)))
                        .note("seen", format!("it still waits at {}", seconds(latest))));
                }
            }
        }
    }

    /// The script's descriptor that a call is on: its first argument, if that is one.
    fn script_fd(&self, expression: Option<&Expression>) -> i32 {
        let number = expression.and_then(|expression| self.context.int(expression).ok());
        number.unwrap_or(-1)
    }

    /// What the script has to know as a call begins: packets may leave before it returns.
    fn before(&mut self, script: &SystemCall, call: &Call) {
        let fd = self.script_fd(script.arguments.first());
        if let Some(at) = self.flow_of(fd) {
            self.flows[at].is_aside = false;
        }
        match call {
            Call::Socket { .. } => {
                for flow in &mut self.flows {
                    flow.is_aside = true;
                }
                self.current = None;
                self.listening = None;
                self.connecting = None;
            }
            Call::Connect { address, .. } => {
                let port = port_of(address).unwrap_or(self.context.setup.connect_port);
                if let Some(file) = self.context.files.get_mut(&fd) {
                    file.peer = Some(port);
                }
                let is_known = self.flow_of(fd).is_some();
                if !is_known {
                    self.current = None;
                }
                self.connecting = Some(fd);
            }
            Call::Send { data, address, .. } => {
                if let Some(file) = self.context.files.get_mut(&fd) {
                    file.written.extend(data.concat());
                    if let Some(address) = address {
                        file.peer = port_of(address);
                        self.connecting = Some(fd);
                    }
                }
            }
            _ => {}
        }
    }

    /// The flow of a script's descriptor.
    pub(super) fn flow_of(&self, fd: i32) -> Option<usize> {
        self.flows.iter().rposition(|flow| flow.fd == Some(fd))
    }

    /// What the script learns from a call that has returned.
    pub(super) fn after(&mut self, running: &Running<'_>, answer: &Answer) -> Outcome<()> {
        let Running {
            place,
            script,
            call,
            ..
        } = running;
        let fd = self.script_fd(script.arguments.first());
        self.context.verify(script, answer, *place)?;
        let live = i32::try_from(answer.value).unwrap_or(-1);
        if let Call::Send { data, .. } = call {
            let asked: usize = data.iter().map(Vec::len).sum();
            let sent = usize::try_from(answer.value).unwrap_or(0);
            if let Some(file) = self.context.files.get_mut(&fd) {
                let length = file.written.len();
                file.written
                    .truncate(length.saturating_sub(asked.saturating_sub(sent)));
            }
        }
        if answer.value < 0 {
            return Ok(());
        }
        match call {
            Call::Socket { .. } | Call::EpollCreate { .. } | Call::Open { .. } => {
                self.opened(script, live)?;
            }
            Call::Pipe { .. } => self.opened_pipe(script, answer.ends)?,
            Call::Accept { .. } => {
                self.opened(script, live)?;
                let number = self.context.number(&script.result)?;
                let number = i32::try_from(number).unwrap_or(live);
                let port = port_of(&answer.address);
                let found = self
                    .flows
                    .iter_mut()
                    .rposition(|flow| Some(flow.remote.1) == port);
                if let Some(at) = found {
                    self.flows[at].fd = Some(number);
                    self.current = Some(at);
                }
            }
            Call::Bind { address, .. } => {
                let port = port_of(address);
                self.listening = port;
                if let Some(file) = self.context.files.get_mut(&fd) {
                    file.bound = port;
                }
            }
            Call::Listen { .. } => {
                let file = self.context.files.get(&fd);
                self.listening = file
                    .and_then(|file| file.bound)
                    .or(Some(self.context.setup.bind_port));
                self.current = None;
            }
            Call::Close { .. } => {
                self.context.files.remove(&fd);
                for flow in self.flows.iter_mut().filter(|flow| flow.fd == Some(fd)) {
                    flow.fd = None;
                    flow.is_closed = true;
                }
            }
            Call::Receive { flags, .. } => self.check_data(fd, *flags, answer, *place)?,
            // Data that the script has not written itself.
            Call::SendFile { to, .. } | Call::Splice { to, .. } => {
                let moved = usize::try_from(answer.value).unwrap_or(0);
                for file in self.context.files.values_mut() {
                    if file.live == *to {
                        file.is_foreign = true;
                        file.written.resize(file.written.len() + moved, 0);
                    }
                    if matches!(call, Call::Splice { from, .. } if file.live == *from) {
                        file.read += moved;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The script's number for a new descriptor.
    fn opened(&mut self, script: &SystemCall, live: i32) -> Outcome<()> {
        let number = match script.result.value {
            Value::Any => live,
            _ => self.context.int(&script.result)?,
        };
        let file = File {
            live,
            ..File::default()
        };
        self.context.files.insert(number, file);
        Ok(())
    }

    /// The script's numbers for the two ends of a pipe.
    fn opened_pipe(&mut self, script: &SystemCall, live: [i32; 2]) -> Outcome<()> {
        let Some(Value::Array(ends)) = script.arguments.first().map(|ends| &ends.value) else {
            return Ok(());
        };
        for (end, live) in ends.iter().zip(live) {
            let number = self.context.int(end)?;
            let file = File {
                live,
                ..File::default()
            };
            self.context.files.insert(number, file);
        }
        Ok(())
    }

    /// Every byte of a stream comes once and in order.
    fn check_data(&mut self, fd: i32, flags: i32, answer: &Answer, place: Place) -> Outcome<()> {
        const OOB_TRUNC_ERRQUEUE: i32 = 0x1 | 0x20 | 0x2000;
        const PEEK: i32 = 2;
        let flow = self.flow_of(fd).and_then(|at| self.flows.get(at));
        let is_plain = flow.is_some_and(|flow| !flow.is_urgent && flow.remote_start.is_some());
        let Some(file) = self.context.files.get_mut(&fd) else {
            return Ok(());
        };
        if !is_plain || flags & OOB_TRUNC_ERRQUEUE != 0 {
            return Ok(());
        }
        let expected = flow::bytes(file.read, answer.data.len());
        let differing = expected.iter().zip(&answer.data).position(|(a, b)| a != b);
        if let Some(at) = differing {
            let what = format!(
                "byte {} of the stream is not the one that was sent",
                file.read + at
            );
            return Err(Failure::new(place, what));
        }
        if flags & PEEK == 0 {
            file.read += answer.data.len();
        }
        Ok(())
    }
}
