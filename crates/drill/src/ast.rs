//! What a script says.

use crate::code::Program;
use crate::failure::Place;

/// A whole script.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) settings: Vec<Setting>,
    /// Commands before the first event.
    pub(crate) preparation: Vec<(Place, String)>,
    pub(crate) events: Vec<Event>,
}

/// `--name=value`
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) value: Option<String>,
}

/// One line: when what.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) place: Place,
    pub(crate) time: Time,
    pub(crate) action: Action,
}

/// When something happens, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// Since the start.
    At(i64),
    /// Since the event before.
    After(i64),
    /// Whenever it comes.
    Any,
    /// Between two times since the start.
    Between(i64, i64),
    /// Between two times since the event before.
    AfterBetween(i64, i64),
}

#[derive(Clone, Debug)]
pub(crate) enum Action {
    Packet(Packet),
    Call(SystemCall),
    Shell(String),
    Code(Program),
}

/// A packet that goes in (`<`) or is expected out (`>`).
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) is_inbound: bool,
    pub(crate) ip: IpNotes,
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) body: Body,
}

/// What stands in brackets before the segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IpNotes {
    pub(crate) ecn: Option<Ecn>,
    pub(crate) traffic_class: Option<u8>,
    pub(crate) hop_limit: Option<u8>,
    pub(crate) flow_label: Option<u32>,
}

/// RFC 3168 5
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ecn {
    None,
    Ect0,
    Ect1,
    /// Either.
    Ect01,
    Ce,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Tcp(Segment),
    Udp { length: usize },
    Icmp(Icmp),
}

/// `P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 1 ecr 2>`
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// The eight bits.
    pub(crate) flags: u16,
    pub(crate) range: Range,
    pub(crate) ack: Option<u32>,
    pub(crate) window: Option<u16>,
    pub(crate) urgent: Option<u16>,
    /// `None` for `<...>`.
    pub(crate) options: Option<Vec<TcpOption>>,
}

/// `start:end(length)`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) start: u32,
    pub(crate) length: usize,
}

/// One TCP option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TcpOption {
    Nop,
    End,
    Mss(u16),
    WindowScale(u8),
    SackOk,
    Sack(Vec<(u32, u32)>),
    Timestamps {
        value: u32,
        echo: u32,
    },
    FastOpen(Vec<u8>),
    /// RFC 7413 under the number for experiments.
    FastOpenExperiment(Vec<u8>),
    /// RFC 2385: only that it is there.
    Md5,
    /// Kind and data, of an option without a name here.
    Other(u8, Vec<u8>),
    /// Bytes where an option would be, whatever they mean.
    Raw(Vec<u8>),
}

/// `icmp unreachable frag_needed mtu 1000 [1:1001(1000)]`
#[derive(Clone, Debug)]
pub(crate) struct Icmp {
    pub(crate) place: Place,
    pub(crate) kind: String,
    pub(crate) code: Option<String>,
    pub(crate) mtu: Option<u32>,
    pub(crate) quoted: Option<Quoted>,
}

/// Which packet an ICMP message is about.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Quoted {
    Segment(Range),
    Udp(usize),
}

/// `0...0.1 connect(3, ..., ...) = -1 ECONNREFUSED (Connection refused)`
#[derive(Clone, Debug)]
pub(crate) struct SystemCall {
    /// When a call that blocks returns.
    pub(crate) end: Option<i64>,
    pub(crate) name: String,
    pub(crate) arguments: Vec<Expression>,
    pub(crate) result: Expression,
    pub(crate) errno: Option<(Place, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Expression {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// `...`
    Any,
    Number(i64),
    Name(String),
    Text(String),
    Array(Vec<Expression>),
    Structure(Vec<Field>),
    /// `htons(80)`
    Function(String, Vec<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// One member of a structure.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Without one it is told by its position.
    pub(crate) name: Option<String>,
    pub(crate) value: Expression,
}
