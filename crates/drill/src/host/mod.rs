//! Sockeye's own host in virtual time: nothing waits, and every run is the same.

mod epoll;
mod files;
mod holes;
mod pipes;
mod tables;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use bytes::Bytes;
use sockeye_core::{
    Config, Frame, Host, Instant, InterfaceConfig, InterfaceId, IpCidr, Medium,
    OffloadCapabilities, Route, RouteMetrics,
};

use crate::setup::Setup;
use crate::sysctl::{self, Refusal};
use crate::system::{Answer, Call, Change, Happening, Queue, RouteChange, System};
use files::{Files, Running};

/// `txqueuelen` of a device of `ip tuntap`, with room for scripts.
const LONGEST_QUEUE: usize = 10_000;

/// The host's time when the script begins: away from zero, where nothing can lie in the past.
const START: i64 = 1_000_000_000;

/// The stack under test.
#[derive(Debug)]
pub struct HostSystem {
    host: Host,
    interface: InterfaceId,
    /// Microseconds since the script began.
    now: i64,
    happenings: VecDeque<Happening>,
    files: Files,
    running: Option<Running>,
}

impl HostSystem {
    /// A new host of a script.
    ///
    /// # Errors
    /// A setting that it does not have.
    pub fn new(setup: &Setup) -> Result<Self, String> {
        let mut config = Config {
            seed: 1,
            ..Config::default()
        };
        for (name, value) in &setup.sysctls {
            let refusal = sysctl::apply(&mut config.sysctl, name, value);
            refusal.map_err(|refusal| refused(refusal, name, value))?;
        }
        let mut host = Host::new(config);
        let interface = host.add_interface(InterfaceConfig {
            name: "tun0".into(),
            mtu: setup.mtu,
            addresses: IpCidr::new(setup.local, setup.prefix).into_iter().collect(),
            medium: Medium::Ip,
            offload: OffloadCapabilities {
                checksum: setup.segmentation,
                segmentation: if setup.segmentation { 65_535 } else { 0 },
            },
        });
        let interface = interface.map_err(|errno| format!("no interface: {errno}"))?;
        let everywhere: IpAddr = if setup.local.is_ipv6() {
            std::net::Ipv6Addr::UNSPECIFIED.into()
        } else {
            std::net::Ipv4Addr::UNSPECIFIED.into()
        };
        if let Some(destination) = IpCidr::new(everywhere, 0) {
            host.add_route(Route {
                destination,
                gateway: None,
                interface,
                preferred_source: None,
                metric: 0,
                metrics: RouteMetrics::default(),
            });
        }
        Ok(Self {
            host,
            interface,
            now: 0,
            happenings: VecDeque::new(),
            files: Files::default(),
            running: None,
        })
    }

    /// `ip route`: a route takes the place of those to the same destination.
    fn change_route(&mut self, change: &RouteChange) -> Result<(), String> {
        let (address, length) = change.destination;
        let Some(destination) = IpCidr::new(address, length) else {
            return Err(format!("{address}/{length} is no prefix"));
        };
        let known: Vec<Route> = self.host.routes().copied().collect();
        let same = known.iter().filter(|route| {
            route.destination.network() == destination.network()
                && route.interface == self.interface
        });
        let mut was_there = false;
        for route in same {
            was_there |= self.host.remove_route(route);
        }
        if change.is_removal {
            let missing = || format!("there is no route to {address}/{length}");
            return was_there.then_some(()).ok_or_else(missing);
        }
        self.host.add_route(Route {
            destination,
            gateway: change.gateway,
            interface: self.interface,
            preferred_source: None,
            metric: 0,
            metrics: change.metrics,
        });
        Ok(())
    }

    fn instant(&self) -> Instant {
        instant(self.now)
    }

    /// Takes what the host has to say.
    fn drain(&mut self) {
        while let Some(frame) = self.host.transmit(self.interface) {
            // What crosses a wire are segments: a super-segment is split as the device would.
            for segment in frame.segments().summed() {
                let packet = Happening::Packet(self.now, segment.to_vec());
                self.happenings.push_back(packet);
            }
        }
        while self.host.next_event().is_some() {}
    }

    /// Goes on with the call that runs, if there is one.
    fn resume(&mut self) {
        let now = self.instant();
        if let Some(running) = &mut self.running
            && let Some(answer) = self.files.attempt(&mut self.host, running, now)
        {
            self.running = None;
            // The packets of a call come before its return.
            self.drain();
            self.happenings
                .push_back(Happening::Returned(self.now, answer));
        }
        self.drain();
    }

    /// When something is due, in microseconds.
    fn deadline(&self) -> Option<i64> {
        let micros = |instant: Instant| {
            let micros = instant.as_nanos().div_ceil(1000);
            i64::try_from(micros).unwrap_or(i64::MAX) - START
        };
        let call = self.running.as_ref().and_then(Running::deadline);
        let due = [self.host.next_deadline(), call];
        due.into_iter().flatten().map(micros).min()
    }
}

fn instant(micros: i64) -> Instant {
    Instant::from_micros(u64::try_from(micros.saturating_add(START)).unwrap_or(0))
}

fn refused(refusal: Refusal, name: &str, value: &str) -> String {
    match refusal {
        Refusal::Unknown => format!("the setting `{name}` is not known to the stack"),
        Refusal::Value => format!("the setting `{name}` can't be `{value}` here"),
    }
}

impl System for HostSystem {
    fn now(&self) -> i64 {
        self.now
    }

    fn epoch(&self) -> Duration {
        // The host's configuration counts from 1970 to its own time zero, which is nothing here.
        instant(0) - Instant::ZERO
    }

    fn start(&mut self, call: Call) {
        let now = self.instant();
        self.running = Some(self.files.begin(&self.host, call, now));
        self.resume();
    }

    fn inject(&mut self, packet: Vec<u8>, segment_size: Option<NonZeroU16>) {
        let mut frame = Frame::from_bytes(Bytes::from(packet));
        frame.offload.segment_size = segment_size;
        self.host.receive(self.interface, frame, self.instant());
        self.resume();
    }

    fn run(&mut self, until: i64) -> Happening {
        let mut steps_without_time = 0;
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return happening;
            }
            let due = self.deadline().filter(|due| *due <= until.max(self.now));
            let Some(due) = due else {
                self.now = until.max(self.now);
                return Happening::Nothing;
            };
            if due > self.now {
                self.now = due;
                steps_without_time = 0;
            } else {
                steps_without_time += 1;
                // A host that wants to be called again and again without getting anywhere is broken.
                assert!(steps_without_time < 100_000, "the host stands still");
            }
            self.host.advance(self.instant());
            self.resume();
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let refusal = sysctl::apply(self.host.sysctl_mut(), name, value);
        refusal.map_err(|refusal| refused(refusal, name, value))
    }

    fn has_setting(&self, name: &str) -> bool {
        sysctl::is_known(name)
    }

    fn change(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::File { path, content } => {
                match content {
                    Some(content) => self.files.store.disk.insert(path.clone(), content.clone()),
                    None => self.files.store.disk.remove(path),
                };
                Ok(())
            }
            Change::ForgetPeers => {
                self.host.forget_peers();
                Ok(())
            }
            Change::Queue(queue) => {
                self.files.paces = *queue == Queue::Fair;
                let limit = match queue {
                    Queue::Limited(packets) => usize::try_from(*packets).unwrap_or(usize::MAX),
                    Queue::Default | Queue::Fair => LONGEST_QUEUE,
                };
                self.host.set_queue_limit(self.interface, limit);
                Ok(())
            }
            Change::Route(change) => self.change_route(change),
        }
    }

    fn table(&mut self, path: &str) -> Result<String, String> {
        tables::read(&self.host, path)
    }

    fn option(&mut self, fd: i32, level: i32, name: i32) -> Result<Vec<u8>, i32> {
        let call = Call::GetOption {
            fd,
            level,
            name,
            length: 1024,
        };
        let now = self.instant();
        let mut running = self.files.begin(&self.host, call, now);
        let answer = self.files.attempt(&mut self.host, &mut running, now);
        let Answer { value, option, .. } = answer.unwrap_or_default();
        if value < 0 {
            return Err(i32::try_from(-value).unwrap_or(0));
        }
        Ok(option)
    }

    fn counter(&self, name: &str) -> Option<u64> {
        self.host.counters().get(name)
    }
}
