//! What a case sees: the calls of one arm, each written into a trace with its normalised result.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::sockets::{Answer, Question, Received};
use crate::{Address, Control, Handle, Message, Reception, Sockets, names};

/// Which addresses an internet body uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
    /// `AF_INET6` sockets with `::ffff:a.b.c.d` addresses.
    Mapped,
}

impl Flavor {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::V4, Self::V6, Self::Mapped];

    /// The name in a test's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V4 => "inet",
            Self::V6 => "inet6",
            Self::Mapped => "mapped",
        }
    }

    /// The domain of its sockets.
    #[must_use]
    pub fn domain(self) -> i32 {
        if self == Self::V4 {
            libc::AF_INET
        } else {
            libc::AF_INET6
        }
    }

    /// The loopback address.
    #[must_use]
    pub fn loopback(self) -> IpAddr {
        self.address(Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
    }

    /// The wildcard address. `::` for mapped sockets.
    #[must_use]
    pub fn any(self) -> IpAddr {
        if self == Self::V4 {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        }
    }

    /// One address out of two.
    #[must_use]
    pub fn address(self, v4: Ipv4Addr, v6: Ipv6Addr) -> IpAddr {
        match self {
            Self::V4 => v4.into(),
            Self::V6 => v6.into(),
            Self::Mapped => v4.to_ipv6_mapped().into(),
        }
    }
}

/// The calls of one arm, with the trace of what they answered.
pub struct World<'a> {
    arm: &'a mut dyn Sockets,
    /// Which addresses the body uses.
    pub flavor: Flavor,
    /// The protocol of `socket(SOCK_DGRAM)`.
    pub datagram_protocol: i32,
    trace: Vec<String>,
    quiet: bool,
    sockets: usize,
    ports: BTreeMap<u16, String>,
    ephemeral: usize,
    autobound: BTreeMap<Vec<u8>, String>,
}

/// `setsockopt` and `getsockopt` arguments by name.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// As in the header files.
    pub name: &'static str,
    /// `SOL_*` or `IPPROTO_*`.
    pub level: i32,
    /// The option's number.
    pub number: i32,
}

impl<'a> World<'a> {
    /// An empty trace over an arm.
    pub fn new(arm: &'a mut dyn Sockets, flavor: Flavor) -> Self {
        Self {
            arm,
            flavor,
            datagram_protocol: 0,
            trace: Vec::new(),
            quiet: false,
            sockets: 0,
            ports: BTreeMap::new(),
            ephemeral: 0,
            autobound: BTreeMap::new(),
        }
    }

    /// The trace so far.
    #[must_use]
    pub fn into_trace(self) -> Vec<String> {
        self.trace
    }

    /// Writes a remark into the trace.
    pub fn note(&mut self, text: &str) {
        self.log(format!("# {text}"));
    }

    /// Runs a part of the body without writing its calls down; what matters is to be noted after.
    pub fn quietly<T>(&mut self, body: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.quiet, true);
        let result = body(self);
        self.quiet = before;
        result
    }

    fn log(&mut self, line: String) {
        if !self.quiet {
            self.trace.push(line);
        }
    }

    fn slot(&mut self) -> Handle {
        self.sockets += 1;
        Handle(self.sockets)
    }

    // Addresses.

    /// A port that nothing uses, under this name in the trace.
    pub fn port(&mut self, name: &str) -> u16 {
        let port = self.arm.fresh_port();
        self.ports.insert(port, name.to_owned());
        port
    }

    /// The flavor's loopback address with a port.
    #[must_use]
    pub fn loopback(&self, port: u16) -> Address {
        Address::inet(self.flavor.loopback(), port)
    }

    /// The flavor's wildcard address with a port.
    #[must_use]
    pub fn any(&self, port: u16) -> Address {
        Address::inet(self.flavor.any(), port)
    }

    fn show_port(&mut self, port: u16) -> String {
        if port == 0 {
            return "0".to_owned();
        }
        if let Some(name) = self.ports.get(&port) {
            return name.clone();
        }
        self.ephemeral += 1;
        let name = format!("e{}", self.ephemeral);
        self.ports.insert(port, name.clone());
        name
    }

    fn show(&mut self, address: &Address) -> String {
        match address {
            Address::Inet { ip, port, scope } => {
                let port = self.show_port(*port);
                let scope = if *scope == 0 {
                    String::new()
                } else {
                    format!("%{scope}")
                };
                match ip {
                    IpAddr::V4(ip) => format!("{ip}:{port}"),
                    IpAddr::V6(ip) => format!("[{ip}{scope}]:{port}"),
                }
            }
            Address::Unnamed => "unnamed".to_owned(),
            Address::Abstract(name) => {
                // Autobind names are five hexadecimal digits of no meaning.
                if name.len() == 5 && name.iter().all(u8::is_ascii_hexdigit) {
                    let next = format!("@auto{}", self.autobound.len() + 1);
                    return self.autobound.entry(name.clone()).or_insert(next).clone();
                }
                format!("@{}", name.escape_ascii())
            }
            Address::Path(name) => format!("./{name}"),
            Address::Unspecified => "unspec".to_owned(),
            Address::Raw(bytes) => format!("raw({})", hex(bytes)),
            Address::Null => "null".to_owned(),
            Address::Nothing => "-".to_owned(),
        }
    }

    // Calls.

    /// `socket` of the flavor's domain.
    pub fn socket(&mut self, kind: i32) -> Handle {
        let protocol = match kind {
            libc::SOCK_DGRAM => self.datagram_protocol,
            _ => 0,
        };
        self.socket_of(self.flavor.domain(), kind, protocol)
    }

    /// `socket`. If it fails the handle is a closed one.
    pub fn socket_of(&mut self, domain: i32, kind: i32, protocol: i32) -> Handle {
        let slot = self.slot();
        let answer = self.arm.socket(slot, domain, kind, protocol);
        let call = format!(
            "socket({}, {}, {protocol})",
            names::domain(domain),
            names::kind(kind)
        );
        self.log(format!("{call} = {}", outcome(answer.map(|()| name(slot)))));
        slot
    }

    /// `socketpair`.
    pub fn pair(&mut self, domain: i32, kind: i32, protocol: i32) -> (Handle, Handle) {
        let slots = [self.slot(), self.slot()];
        let answer = self.arm.socketpair(slots, domain, kind, protocol);
        let call = format!(
            "socketpair({}, {}, {protocol})",
            names::domain(domain),
            names::kind(kind)
        );
        let both = format!("{}, {}", name(slots[0]), name(slots[1]));
        self.log(format!("{call} = {}", outcome(answer.map(|()| both))));
        (slots[0], slots[1])
    }

    /// `bind`.
    pub fn bind(&mut self, socket: Handle, address: &Address) -> Answer<()> {
        let answer = self.arm.bind(socket, address);
        let address = self.show(address);
        self.log(format!(
            "bind({}, {address}) = {}",
            name(socket),
            outcome(answer.map(|()| "0"))
        ));
        answer
    }

    /// `listen`.
    pub fn listen(&mut self, socket: Handle, backlog: i32) {
        let answer = self.arm.listen(socket, backlog);
        self.log(format!(
            "listen({}, {backlog}) = {}",
            name(socket),
            outcome(answer.map(|()| "0"))
        ));
    }

    /// `accept4`. If it fails the handle is a closed one.
    pub fn accept(&mut self, socket: Handle) -> Handle {
        let slot = self.slot();
        let answer = self.arm.accept(socket, slot).map(|peer| {
            let peer = self.show(&peer);
            format!("{} from {peer}", name(slot))
        });
        self.log(format!("accept({}) = {}", name(socket), outcome(answer)));
        slot
    }

    /// `connect`. A TCP connect over loopback that answers EINPROGRESS has done its handshake by then.
    pub fn connect(&mut self, socket: Handle, address: &Address) {
        let answer = self.arm.connect(socket, address);
        let address = self.show(address);
        self.log(format!(
            "connect({}, {address}) = {}",
            name(socket),
            outcome(answer.map(|()| "0"))
        ));
    }

    /// `getsockname`; the answer for a body that needs an ephemeral port.
    pub fn local(&mut self, socket: Handle) -> Address {
        let answer = self.arm.local(socket);
        let shown = answer.clone().map(|address| self.show(&address));
        self.log(format!(
            "getsockname({}) = {}",
            name(socket),
            outcome(shown)
        ));
        answer.unwrap_or(Address::Nothing)
    }

    /// `getpeername`.
    pub fn peer(&mut self, socket: Handle) {
        let answer = self.arm.peer(socket).map(|address| self.show(&address));
        self.log(format!(
            "getpeername({}) = {}",
            name(socket),
            outcome(answer)
        ));
    }

    /// `send` of one buffer.
    pub fn send(&mut self, socket: Handle, data: &[u8], flags: i32) -> Answer<usize> {
        self.send_message(
            socket,
            &Message {
                data: vec![data.to_vec()],
                flags,
                ..Message::default()
            },
        )
    }

    /// `sendto`.
    pub fn send_to(&mut self, socket: Handle, data: &[u8], address: &Address) -> Answer<usize> {
        let address = Some(address.clone());
        self.send_message(
            socket,
            &Message {
                data: vec![data.to_vec()],
                address,
                ..Message::default()
            },
        )
    }

    /// `sendmsg`.
    pub fn send_message(&mut self, socket: Handle, message: &Message) -> Answer<usize> {
        let answer = self.arm.send(socket, message);
        let mut call = format!("send({}", name(socket));
        let parts: Vec<String> = message.data.iter().map(|part| show_data(part)).collect();
        let _ = write!(call, ", [{}]", parts.join(", "));
        if let Some(address) = &message.address {
            let address = self.show(address);
            let _ = write!(call, ", to {address}");
        }
        if !message.control.is_empty() {
            let _ = write!(call, ", {}", show_control(&message.control));
        }
        if message.flags != 0 {
            let _ = write!(call, ", {}", names::message_flags(message.flags));
        }
        self.log(format!("{call}) = {}", outcome(answer)));
        answer
    }

    /// `recv` into one buffer, without room for control messages.
    pub fn recv(&mut self, socket: Handle, length: usize, flags: i32) -> Answer<Received> {
        self.receive_message(
            socket,
            &Reception {
                buffers: vec![length],
                control_room: 0,
                flags,
            },
        )
    }

    /// `recvmsg`.
    pub fn receive_message(&mut self, socket: Handle, reception: &Reception) -> Answer<Received> {
        let answer = self.arm.receive(socket, reception);
        let lengths: Vec<String> = reception.buffers.iter().map(ToString::to_string).collect();
        let mut call = format!("recv({}, [{}]", name(socket), lengths.join(", "));
        if reception.control_room > 0 {
            let _ = write!(call, ", control {}", reception.control_room);
        }
        if reception.flags != 0 {
            let _ = write!(call, ", {}", names::message_flags(reception.flags));
        }
        let shown = answer.clone().map(|received| self.show_received(&received));
        self.log(format!("{call}) = {}", outcome(shown)));
        answer
    }

    fn show_received(&mut self, received: &Received) -> String {
        let mut shown = format!("{} {}", received.length, show_data(&received.data));
        if let Some(address) = &received.address {
            let address = self.show(address);
            let _ = write!(shown, " from {address}");
        }
        if received.flags & !libc::MSG_CMSG_CLOEXEC != 0 {
            let _ = write!(
                shown,
                " flags {}",
                names::message_flags(received.flags & !libc::MSG_CMSG_CLOEXEC)
            );
        }
        if !received.control.is_empty() {
            let _ = write!(shown, " {}", show_control(&received.control));
        }
        shown
    }

    /// `shutdown`.
    pub fn shutdown(&mut self, socket: Handle, how: i32) {
        let answer = self.arm.shutdown(socket, how);
        let word = match how {
            libc::SHUT_RD => "RD".to_owned(),
            libc::SHUT_WR => "WR".to_owned(),
            libc::SHUT_RDWR => "RDWR".to_owned(),
            other => other.to_string(),
        };
        self.log(format!(
            "shutdown({}, {word}) = {}",
            name(socket),
            outcome(answer.map(|()| "0"))
        ));
    }

    /// `close`.
    pub fn close(&mut self, socket: Handle) {
        let answer = self.arm.close(socket);
        self.log(format!(
            "close({}) = {}",
            name(socket),
            outcome(answer.map(|()| "0"))
        ));
    }

    /// `setsockopt` with an `int`.
    pub fn set_int(&mut self, socket: Handle, option: Opt, value: i32) -> Answer<()> {
        self.set(socket, option, &value.to_ne_bytes())
    }

    /// `setsockopt` with bytes.
    pub fn set(&mut self, socket: Handle, option: Opt, value: &[u8]) -> Answer<()> {
        let answer = self.arm.set(socket, option.level, option.number, value);
        let shown = show_value(value);
        let call = format!("setsockopt({}, {}, {shown})", name(socket), option.name);
        self.log(format!("{call} = {}", outcome(answer.map(|()| "0"))));
        answer
    }

    /// `getsockopt` with room for an `int`.
    pub fn get_int(&mut self, socket: Handle, option: Opt) {
        self.get(socket, option, 4);
    }

    /// `getsockopt`.
    pub fn get(&mut self, socket: Handle, option: Opt, length: usize) {
        let answer = self.arm.get(socket, option.level, option.number, length);
        let call = match length {
            4 => format!("getsockopt({}, {})", name(socket), option.name),
            _ => format!("getsockopt({}, {}, {length})", name(socket), option.name),
        };
        self.log(format!(
            "{call} = {}",
            outcome(answer.map(|value| show_value(&value)))
        ));
    }

    /// `getsockopt` of what the case goes on with, and which is another in every run.
    pub fn peek_option(&mut self, socket: Handle, option: Opt, length: usize) -> Vec<u8> {
        let answer = self.arm.get(socket, option.level, option.number, length);
        answer.unwrap_or_default()
    }

    /// `getsockopt` of what is another in every run: how much there is of it.
    pub fn get_length(&mut self, socket: Handle, option: Opt, length: usize) {
        let answer = self.arm.get(socket, option.level, option.number, length);
        let shown = outcome(answer.map(|value| format!("{} bytes", value.len())));
        let call = format!("getsockopt({}, {}, {length})", name(socket), option.name);
        self.log(format!("{call} = {shown}"));
    }

    /// `getsockopt`: what it writes for the length, also when it fails.
    pub fn get_length_after(&mut self, socket: Handle, option: Opt, length: usize) {
        let (level, number) = (option.level, option.number);
        let (answer, after) = self.arm.length_after(socket, level, number, length);
        let shown = outcome(answer.map(|()| "0".to_owned()));
        let call = format!("getsockopt({}, {}, {length})", name(socket), option.name);
        self.log(format!("{call} = {shown}, the length is {after}"));
    }

    /// `SO_ERROR`, which also clears it.
    pub fn error(&mut self, socket: Handle) {
        let answer = self
            .arm
            .get(socket, libc::SOL_SOCKET, libc::SO_ERROR, 4)
            .map(|value| {
                let number = value
                    .first_chunk::<4>()
                    .map_or(-1, |bytes| i32::from_ne_bytes(*bytes));
                if number == 0 {
                    "0".to_owned()
                } else {
                    names::errno(number)
                }
            });
        self.log(format!("SO_ERROR({}) = {}", name(socket), outcome(answer)));
    }

    /// What `poll` answers now.
    pub fn poll(&mut self, socket: Handle) {
        let bits = self.arm.readiness(socket);
        self.log(format!(
            "poll({}) = {}",
            name(socket),
            names::readiness(bits)
        ));
    }

    /// Lets time pass until the socket polls one of the bits, then writes its readiness down.
    pub fn wait(&mut self, socket: Handle, events: i16) {
        self.arm.wait(socket, events);
        self.arm.settle();
        let bits = self.arm.readiness(socket);
        let events = names::readiness(events);
        self.log(format!(
            "wait({}, {events}) = {}",
            name(socket),
            names::readiness(bits)
        ));
    }

    /// Lets everything under way arrive.
    pub fn settle(&mut self) {
        self.arm.settle();
    }

    /// Lets milliseconds pass.
    pub fn pass(&mut self, milliseconds: u32) {
        self.arm.pass(milliseconds);
    }

    /// `FIONREAD`, `SIOCOUTQ`, `SIOCATMARK`.
    pub fn ask(&mut self, socket: Handle, question: Question) {
        let answer = self.arm.ask(socket, question);
        self.log(format!(
            "ioctl({}, {question:?}) = {}",
            name(socket),
            outcome(answer)
        ));
    }

    // Compositions.

    /// A bound, listening TCP socket on the loopback address.
    pub fn listener(&mut self, backlog: i32) -> (Handle, Address) {
        let port = self.port("L");
        let address = self.loopback(port);
        let listener = self.socket(libc::SOCK_STREAM);
        let _ = self.bind(listener, &address);
        self.listen(listener, backlog);
        (listener, address)
    }

    /// Two ends of an established TCP connection: client, server, listener.
    pub fn established(&mut self) -> (Handle, Handle, Handle) {
        self.quietly(|w| {
            let (listener, address) = w.listener(8);
            let client = w.socket(libc::SOCK_STREAM);
            w.connect(client, &address);
            w.wait(listener, libc::POLLIN);
            let server = w.accept(listener);
            w.wait(client, libc::POLLOUT);
            (client, server, listener)
        })
    }

    /// Two UDP sockets bound to loopback ports "A" and "B".
    pub fn datagram_pair(&mut self) -> (Handle, Handle, Address, Address) {
        self.quietly(|w| {
            let (a, b) = (w.port("A"), w.port("B"));
            let (a, b) = (w.loopback(a), w.loopback(b));
            let (left, right) = (w.socket(libc::SOCK_DGRAM), w.socket(libc::SOCK_DGRAM));
            let _ = w.bind(left, &a);
            let _ = w.bind(right, &b);
            (left, right, a, b)
        })
    }

    /// Sends `chunk`-sized pieces until the queue is full or an error; only the errno is written down, and whether
    /// anything went at all.
    pub fn fill(&mut self, socket: Handle, chunk: usize) -> usize {
        let data = vec![b'f'; chunk];
        let mut total = 0;
        let errno = self.quietly(|w| {
            loop {
                match w.send(socket, &data, 0) {
                    Ok(sent) => total += sent,
                    Err(errno) => return errno,
                }
                if total > 64 << 20 {
                    return 0;
                }
            }
        });
        let some = if total > 0 { "some" } else { "nothing" };
        self.log(format!(
            "fill({}, {chunk}) = {} after {some}",
            name(socket),
            names::errno(errno)
        ));
        total
    }

    /// Reads until the queue is empty, end of file or an error; writes down how many bytes it was and what ended it.
    pub fn drain(&mut self, socket: Handle) -> usize {
        let mut total = 0;
        let end = self.quietly(|w| {
            loop {
                match w.recv(socket, 65_536, 0) {
                    Ok(received) if received.length == 0 => return "end of file".to_owned(),
                    Ok(received) => total += received.length,
                    Err(errno) => return names::errno(errno),
                }
            }
        });
        self.log(format!("drain({}) = {total}, then {end}", name(socket)));
        total
    }
}

fn name(socket: Handle) -> String {
    format!("s{}", socket.0)
}

fn outcome(answer: Answer<impl std::fmt::Display>) -> String {
    match answer {
        Ok(value) => value.to_string(),
        Err(errno) => names::errno(errno),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Short data as text, long data by length and a digest.
fn show_data(data: &[u8]) -> String {
    if data.len() <= 64 {
        return format!("\"{}\"", data.escape_ascii());
    }
    let digest = data.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("<{} bytes #{digest:016x}>", data.len())
}

fn show_value(value: &[u8]) -> String {
    match value.first_chunk::<4>() {
        Some(int) if value.len() == 4 => i32::from_ne_bytes(*int).to_string(),
        _ => format!("<{}>", hex(value)),
    }
}

fn show_control(messages: &[Control]) -> String {
    let mut words = Vec::new();
    for message in messages {
        words.push(match message {
            Control::Rights(sockets) => {
                let names: Vec<String> = sockets.iter().map(|s| name(*s)).collect();
                format!("RIGHTS({})", names.join(", "))
            }
            Control::Credentials { pid, uid, gid } => {
                let part = |value: Option<String>| value.unwrap_or_else(|| "own".to_owned());
                let pid = part(pid.map(|id| id.to_string()));
                let uid = part(uid.map(|id| id.to_string()));
                let gid = part(gid.map(|id| id.to_string()));
                format!("CREDENTIALS({pid}, {uid}, {gid})")
            }
            Control::Other { level, kind, data } => format!("CMSG({level}, {kind}, {})", hex(data)),
        });
    }
    words.join(" ")
}

impl World<'_> {
    /// `listen` whose answer the body writes down itself.
    pub fn try_listen(&mut self, socket: Handle) -> Answer<()> {
        self.arm.listen(socket, 1)
    }
}

impl World<'_> {
    /// `accept` that says whether there was something to accept.
    pub fn try_accept(&mut self, socket: Handle) -> bool {
        let slot = self.slot();
        self.arm.accept(socket, slot).is_ok()
    }
}
