//! What each state does with each kind of segment (RFC 9293 3.10.7), one connection against hand-made segments.
#![allow(missing_docs)]

mod blind;
mod blocks;
mod closing;
mod opening;

use core::time::Duration;

use sockeye_tcp::{
    Connection, Error, Events, Instant, Linger2, Listen, ListenAction, OutgoingSegment, Segment,
    Seq, Settings, State, TimeWaitAction, reset_for,
};
use sockeye_wire::{TcpFlags, TcpOptions, Timestamps};

const ACK: TcpFlags = TcpFlags::ACK;
const FIN: TcpFlags = TcpFlags::FIN;
const SYN: TcpFlags = TcpFlags::SYN;
const RST: TcpFlags = TcpFlags::RST;
const NONE: TcpFlags = TcpFlags::empty();

/// What an inbound segment led to.
#[derive(Default)]
struct Answer {
    reset: Option<OutgoingSegment>,
    events: Events,
}

/// Our first byte is 1001, the peer's 5001.
struct Lab {
    connection: Connection,
    now: Instant,
    out: Vec<Segment>,
}

fn settings() -> Settings {
    Settings {
        isn: Seq::new(1000),
        timestamps: false,
        ..Settings::default()
    }
}

fn segment(sequence: u32, ack: u32, flags: TcpFlags, data: &[u8]) -> Segment {
    Segment {
        sequence: Seq::new(sequence),
        acknowledgment: Seq::new(ack),
        flags,
        window: 60_000,
        payload: data.to_vec().into(),
        ..Segment::default()
    }
}

impl Lab {
    fn new(connection: Connection) -> Lab {
        let mut lab = Lab {
            connection,
            now: Instant::from_secs(10),
            out: Vec::new(),
        };
        lab.flush();
        lab
    }

    fn syn_sent() -> Lab {
        Lab::new(Connection::connect(settings(), Instant::from_secs(10)))
    }

    fn syn_received() -> Lab {
        Lab::new(Connection::accept(
            settings(),
            &segment(5000, 0, SYN, b""),
            Instant::from_secs(10),
        ))
    }

    fn established() -> Lab {
        let mut lab = Lab::syn_received();
        lab.gets(segment(5001, 1001, ACK, b""));
        assert_eq!(lab.connection.state(), State::Established);
        lab.out.clear();
        lab
    }

    /// Brings the connection into a state by the shortest way.
    fn state(state: State) -> Lab {
        let mut lab = match state {
            State::SynSent => return Lab::syn_sent(),
            State::SynReceived => return Lab::syn_received(),
            _ => Lab::established(),
        };
        let now = lab.now;
        if matches!(state, State::CloseWait | State::LastAck) {
            lab.gets(segment(5001, 1001, ACK | FIN, b""));
        }
        if !matches!(state, State::Established | State::CloseWait) {
            lab.connection.shutdown_send(now);
            lab.flush();
        }
        match state {
            State::FinWait2 => lab.gets(segment(5001, 1002, ACK, b"")),
            State::Closing => lab.gets(segment(5001, 1001, ACK | FIN, b"")),
            State::TimeWait => lab.gets(segment(5001, 1002, ACK | FIN, b"")),
            _ => Answer::default(),
        };
        assert_eq!(lab.connection.state(), state);
        lab.out.clear();
        lab
    }

    fn flush(&mut self) {
        while let Some(segment) = self.connection.poll_transmit(self.now) {
            self.out.push(segment.segment);
        }
    }

    fn gets(&mut self, segment: Segment) -> Answer {
        let response = self.connection.receive(segment, self.now);
        self.flush();
        Answer {
            reset: response.reset.map(|reset| *reset),
            events: response.events,
        }
    }

    fn waits(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.connection.deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.connection.advance(self.now);
            self.flush();
        }
        self.now = end;
    }

    fn is_in(&self, state: State) {
        assert_eq!(self.connection.state(), state);
    }

    /// The one segment that went out, as (sequence, acknowledgment, flags).
    fn sent(&mut self) -> (u32, u32, TcpFlags) {
        assert_eq!(self.out.len(), 1, "{:?}", self.out);
        let segment = self.out.remove(0);
        (
            segment.sequence.get(),
            segment.acknowledgment.get(),
            segment.flags,
        )
    }
}

const SYNCHRONIZED: [State; 7] = [
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

/// The peer's next sequence number in a state reached by [`Lab::state`].
fn expected(state: State) -> u32 {
    match state {
        State::CloseWait | State::LastAck | State::Closing | State::TimeWait => 5002,
        _ => 5001,
    }
}
