//! Random sequences of calls on a few sockets: both arms must agree, and a sequence on which they don't is made as
//! short as possible before it is shown.
//!
//! `SOCKEYE_DUAL_SEED=n` runs other sequences; `SOCKEYE_DUAL_COUNT=n` more of them.

use libtest_mimic::{Failed, Trial};

use crate::cases::{option_table, options};
use crate::known::Known;
use crate::runner::{Body, Case, compare};
use crate::sockets::Question;
use crate::{Address, Control, Flavor, Handle, Message, Reception, World};

/// The kinds of sockets in a sequence.
#[derive(Clone, Copy, Debug)]
enum Theme {
    Tcp,
    Udp,
    UnixStream,
    UnixDatagram,
    UnixSeqPacket,
}

/// One call. Sockets are numbers of the sequence, taken modulo how many there are.
#[derive(Clone, Copy, Debug)]
enum Call {
    Socket,
    Pair,
    Bind(u8, u8),
    Listen(u8, u8),
    Connect(u8, u8),
    Disconnect(u8),
    Accept(u8),
    Send(u8, u8, u8),
    SendTo(u8, u8),
    SendRights(u8, u8),
    Receive(u8, u8, u8),
    Shutdown(u8, u8),
    Close(u8),
    LingerZero(u8),
    Reuse(u8),
    Error(u8),
    Names(u8),
    Ask(u8, u8),
    LowWater(u8, u8),
    Inline(u8),
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    fn call(&mut self) -> Call {
        let (a, b, c) = (self.byte(), self.byte(), self.byte());
        match self.next() % 40 {
            0..=2 => Call::Socket,
            3 => Call::Pair,
            4..=6 => Call::Bind(a, b),
            7..=8 => Call::Listen(a, b),
            9..=12 => Call::Connect(a, b),
            13 => Call::Disconnect(a),
            14..=16 => Call::Accept(a),
            17..=20 => Call::Send(a, b, c),
            21 => Call::SendTo(a, b),
            22 => Call::SendRights(a, b),
            23..=27 => Call::Receive(a, b, c),
            28..=29 => Call::Shutdown(a, b),
            30..=31 => Call::Close(a),
            32 => Call::LingerZero(a),
            33 => Call::Reuse(a),
            34 => Call::Error(a),
            35..=36 => Call::Names(a),
            37 => Call::Ask(a, b),
            38 => Call::LowWater(a, b),
            _ => Call::Inline(a),
        }
    }
}

/// A sequence while it runs.
struct Run {
    theme: Theme,
    sockets: Vec<Handle>,
    addresses: Vec<Address>,
}

impl Run {
    fn new(w: &mut World<'_>, theme: Theme) -> Self {
        let addresses = match theme {
            Theme::Tcp | Theme::Udp => ["A", "B", "C"]
                .map(|name| {
                    let port = w.port(name);
                    w.loopback(port)
                })
                .to_vec(),
            _ => [b"a", b"b", b"c"]
                .map(|name| Address::Abstract(name.to_vec()))
                .to_vec(),
        };
        let mut run = Self {
            theme,
            sockets: Vec::new(),
            addresses,
        };
        run.open(w);
        run.open(w);
        run
    }

    fn kind(&self) -> i32 {
        match self.theme {
            Theme::Tcp | Theme::UnixStream => libc::SOCK_STREAM,
            Theme::Udp | Theme::UnixDatagram => libc::SOCK_DGRAM,
            Theme::UnixSeqPacket => libc::SOCK_SEQPACKET,
        }
    }

    fn is_unix(&self) -> bool {
        !matches!(self.theme, Theme::Tcp | Theme::Udp)
    }

    fn open(&mut self, w: &mut World<'_>) {
        let domain = if self.is_unix() {
            libc::AF_UNIX
        } else {
            w.flavor.domain()
        };
        self.sockets.push(w.socket_of(domain, self.kind(), 0));
    }

    fn socket(&self, number: u8) -> Handle {
        self.sockets[usize::from(number) % self.sockets.len()]
    }

    fn address(&self, number: u8) -> &Address {
        &self.addresses[usize::from(number) % self.addresses.len()]
    }

    fn step(&mut self, w: &mut World<'_>, call: Call) {
        match call {
            Call::Socket if self.sockets.len() < 8 => self.open(w),
            Call::Socket => {}
            Call::Pair if self.is_unix() && self.sockets.len() < 8 => {
                let (a, b) = w.pair(libc::AF_UNIX, self.kind(), 0);
                self.sockets.extend([a, b]);
            }
            Call::Pair => {}
            Call::Bind(s, a) => {
                let _ = w.bind(self.socket(s), self.address(a));
            }
            Call::Listen(s, backlog) => w.listen(self.socket(s), i32::from(backlog % 4)),
            Call::Connect(s, a) => w.connect(self.socket(s), self.address(a)),
            Call::Disconnect(s) => w.connect(self.socket(s), &Address::Unspecified),
            Call::Accept(s) => {
                let accepted = w.accept(self.socket(s));
                if self.sockets.len() < 12 {
                    self.sockets.push(accepted);
                }
            }
            Call::Send(s, length, flags) => {
                let data = &b"abcdefghijklmnopqrstuvwxyz"[..usize::from(length % 26)];
                let flags = match flags % 16 {
                    0 => libc::MSG_OOB,
                    1 => libc::MSG_EOR,
                    _ => 0,
                };
                let _ = w.send(self.socket(s), data, flags);
            }
            Call::SendTo(s, a) => {
                let _ = w.send_to(self.socket(s), b"to", self.address(a));
            }
            Call::SendRights(s, other) if self.is_unix() => {
                let control = vec![Control::Rights(vec![self.socket(other)])];
                let data = vec![b"right".to_vec()];
                let _ = w.send_message(
                    self.socket(s),
                    &Message {
                        data,
                        control,
                        ..Message::default()
                    },
                );
            }
            Call::SendRights(..) => {}
            Call::Receive(s, length, flags) => {
                let flags = match flags % 12 {
                    0 => libc::MSG_PEEK,
                    1 => libc::MSG_TRUNC | libc::MSG_PEEK,
                    2 => libc::MSG_OOB,
                    3 => libc::MSG_WAITALL,
                    _ => 0,
                };
                let reception = Reception {
                    buffers: vec![usize::from(length % 40)],
                    control_room: 64,
                    flags,
                };
                let _ = w.receive_message(self.socket(s), &reception);
            }
            Call::Shutdown(s, how) => w.shutdown(self.socket(s), i32::from(how % 3)),
            Call::Close(s) => w.close(self.socket(s)),
            Call::LingerZero(s) => {
                let _ = w.set(
                    self.socket(s),
                    option_table::SO_LINGER,
                    &options::linger(1, 0),
                );
            }
            Call::Reuse(s) => {
                let _ = w.set_int(self.socket(s), option_table::SO_REUSEADDR, 1);
            }
            Call::Error(s) => w.error(self.socket(s)),
            Call::Names(s) => {
                w.local(self.socket(s));
                w.peer(self.socket(s));
            }
            Call::Ask(s, question) => {
                let question = if question % 2 == 0 {
                    Question::Unread
                } else {
                    Question::AtMark
                };
                w.ask(self.socket(s), question);
            }
            Call::LowWater(s, value) => {
                let _ = w.set_int(
                    self.socket(s),
                    option_table::SO_RCVLOWAT,
                    i32::from(value % 8),
                );
            }
            Call::Inline(s) => {
                let _ = w.set_int(self.socket(s), option_table::SO_OOBINLINE, 1);
            }
        }
        w.settle();
        for socket in self.sockets.clone() {
            w.poll(socket);
        }
    }
}

fn case(name: &str, flavor: Flavor, theme: Theme, calls: &[Call]) -> Case {
    let calls = calls.to_vec();
    let body: Body = Box::new(move |w| {
        let mut run = Run::new(w, theme);
        for call in &calls {
            run.step(w, *call);
        }
    });
    Case {
        name: name.to_owned(),
        flavor,
        body,
    }
}

/// Takes calls away as long as the arms still disagree.
fn shrink(
    name: &str,
    flavor: Flavor,
    theme: Theme,
    known: &Known,
    mut calls: Vec<Call>,
) -> (Vec<Call>, String) {
    // Twice: what only scheduling made different is no difference.
    let fails = |calls: &[Call]| {
        let case = case(name, flavor, theme, calls);
        compare(&case, known)
            .err()
            .and_then(|_| compare(&case, known).err())
    };
    let mut report = fails(&calls).unwrap_or_default();
    let mut size = calls.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < calls.len() {
            let mut fewer = calls.clone();
            fewer.drain(at..(at + size).min(fewer.len()));
            match fails(&fewer) {
                Some(shorter) => (calls, report) = (fewer, shorter),
                None => at += size,
            }
        }
        size /= 2;
    }
    (calls, report)
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

fn run(name: &str, flavor: Flavor, theme: Theme, known: &Known) -> Result<(), Failed> {
    let (first, count) = (
        number("SOCKEYE_DUAL_SEED", 1),
        number("SOCKEYE_DUAL_COUNT", 12),
    );
    for seed in first..first + count {
        let mut random = Random(seed ^ name.len() as u64);
        let calls: Vec<Call> = (0..40).map(|_| random.call()).collect();
        if compare(&case(name, flavor, theme, &calls), known).is_err() {
            let (calls, report) = shrink(name, flavor, theme, known, calls);
            // One that was only a matter of scheduling does not show again.
            if !report.is_empty() {
                return Err(
                    format!("seed {seed}, {} calls: {calls:?}\n{report}", calls.len()).into(),
                );
            }
        }
    }
    Ok(())
}

/// The sequences as trials.
#[must_use]
pub fn trials(known: &Known) -> Vec<Trial> {
    let themes = [
        ("inet::stream", Flavor::V4, Theme::Tcp),
        ("inet6::stream", Flavor::V6, Theme::Tcp),
        ("inet::dgram", Flavor::V4, Theme::Udp),
        ("inet6::dgram", Flavor::V6, Theme::Udp),
        ("unix::stream", Flavor::V4, Theme::UnixStream),
        ("unix::dgram", Flavor::V4, Theme::UnixDatagram),
        ("unix::seqpacket", Flavor::V4, Theme::UnixSeqPacket),
    ];
    let mut trials = Vec::new();
    for (domain, flavor, theme) in themes {
        let name = format!("{domain}::random_sequences");
        let known = known.clone();
        trials.push(Trial::test(name.clone(), move || {
            run(&name, flavor, theme, &known)
        }));
    }
    trials
}
