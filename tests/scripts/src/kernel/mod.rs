//! The kernel as the stack under test: its own TCP in a network namespace, behind a TUN device, in real time.
//!
//! What the kernel does decides whether a script is right. Its clock can't be held still, so that a script that waits for
//! hours is no use here, and times are met only as far as the machine is idle.

mod calls;
mod clock;
mod counters;
mod device;
mod machine;

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sockeye_drill::{Call, Change, Happening, Setup, System};

use clock::now;

/// The kernel's TCP in a namespace of the thread's own, which must have been made.
#[derive(Debug)]
pub struct Kernel {
    device: OwnedFd,
    start: Instant,
    calls: Sender<Call>,
    answers: Receiver<(Instant, sockeye_drill::Answer)>,
    /// Becomes readable when there is an answer.
    bell: OwnedFd,
    happenings: VecDeque<Happening>,
    files: machine::Files,
}

impl Kernel {
    /// A device with the script's addresses, and the script's settings.
    ///
    /// # Errors
    /// What the machine lacks.
    pub fn new(setup: &Setup) -> Result<Self, String> {
        let device = device::open(setup)?;
        // What Sockeye does unless it is told otherwise, whatever the machine's default is.
        let mut congestion = "cubic".to_owned();
        for (name, value) in &setup.sysctls {
            // A namespace may not choose among all of the machine's algorithms, but a privileged socket may.
            if name == "net.ipv4.tcp_congestion_control" {
                congestion.clone_from(value);
            } else {
                set(name, value)?;
            }
        }
        let (calls, to_make) = channel::<Call>();
        let (made, answers) = channel();
        let (bell, ringer) = device::bell()?;
        let files = machine::Files::default();
        let paces = files.paces.clone();
        // A thread inherits the namespace of the one that makes it.
        thread::spawn(move || {
            while let Ok(call) = to_make.recv() {
                let answer = calls::make(&call);
                if let Call::Socket { .. } = call {
                    calls::choose_congestion(&answer, &congestion);
                    if paces.load(Ordering::Relaxed) {
                        calls::pace(&answer);
                    }
                }
                if made.send((now(), answer)).is_err() {
                    break;
                }
                device::ring(&ringer);
            }
        });
        Ok(Self {
            device,
            start: now(),
            calls,
            answers,
            bell,
            happenings: VecDeque::new(),
            files,
        })
    }

    fn micros(&self, at: Instant) -> i64 {
        let since = at.saturating_duration_since(self.start);
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// Takes what has happened.
    fn collect(&mut self) {
        while let Some(packet) = device::read(&self.device) {
            if device::is_of_interest(&packet) {
                let now = self.micros(now());
                self.happenings.push_back(Happening::Packet(now, packet));
            }
        }
        device::silence(&self.bell);
        while let Ok((at, answer)) = self.answers.try_recv() {
            let at = self.micros(at);
            self.happenings.push_back(Happening::Returned(at, answer));
        }
    }
}

fn set(name: &str, value: &str) -> Result<(), String> {
    if let Some(parameter) = machine::parameter(name) {
        return machine::keep(&parameter, value);
    }
    let file = format!("/proc/sys/{}", name.replace('.', "/"));
    match std::fs::write(&file, value) {
        Ok(()) => Ok(()),
        // Settings that only the first namespace has, or no kernel of today any more.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{file}: {error}")),
    }
}

impl System for Kernel {
    fn now(&self) -> i64 {
        self.micros(now())
    }

    fn epoch(&self) -> Duration {
        clock::wall(self.start)
    }

    fn start(&mut self, call: Call) {
        let call = self.files.named(call);
        // The thread lives as long as this end of the channel.
        let _sent = self.calls.send(call);
        // Most calls return at once; this lets their answer come before anything else is looked at.
        device::wait(&[self.bell.as_raw_fd()], 300);
        self.collect();
    }

    fn inject(&mut self, packet: Vec<u8>, segment_size: Option<NonZeroU16>) {
        device::write(&self.device, &packet, segment_size);
        self.collect();
    }

    fn run(&mut self, until: i64) -> Happening {
        loop {
            self.collect();
            if let Some(happening) = self.happenings.pop_front() {
                return happening;
            }
            let left = until - self.now();
            if left <= 0 {
                return Happening::Nothing;
            }
            device::wait(&[self.device.as_raw_fd(), self.bell.as_raw_fd()], left);
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        set(name, value)
    }

    fn has_setting(&self, name: &str) -> bool {
        let file = machine::parameter(name);
        let file = file.unwrap_or_else(|| format!("/proc/sys/{}", name.replace('.', "/")));
        std::path::Path::new(&file).exists()
    }

    fn change(&mut self, change: &Change) -> Result<(), String> {
        machine::change(&mut self.files, change)
    }

    fn table(&mut self, path: &str) -> Result<String, String> {
        machine::table(path)
    }

    fn option(&mut self, fd: i32, level: i32, name: i32) -> Result<Vec<u8>, i32> {
        let answer = calls::make(&Call::GetOption {
            fd,
            level,
            name,
            length: 512,
        });
        match i32::try_from(-answer.value) {
            Ok(errno) if errno > 0 => Err(errno),
            _ => Ok(answer.option),
        }
    }

    fn counter(&self, name: &str) -> Option<u64> {
        counters::get(name)
    }
}
