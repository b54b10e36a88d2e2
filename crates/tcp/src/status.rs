//! What a connection tells its owner: state, readiness, errors, events.
use alloc::boxed::Box;
use core::fmt;

use bitflags::bitflags;

use crate::OutgoingSegment;

/// The states of RFC 9293 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the RFC's")]
pub enum State {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

impl State {
    /// The number Linux gives this state (`tcpi_state`).
    pub const fn number(self) -> u8 {
        match self {
            State::Established => 1,
            State::SynSent => 2,
            State::SynReceived => 3,
            State::FinWait1 => 4,
            State::FinWait2 => 5,
            State::TimeWait => 6,
            State::Closed => 7,
            State::CloseWait => 8,
            State::LastAck => 9,
            State::Listen => 10,
            State::Closing => 11,
        }
    }

    /// True once both sides know each other's sequence numbers and the handshake is complete.
    pub const fn is_synchronized(self) -> bool {
        !matches!(
            self,
            State::Closed | State::Listen | State::SynSent | State::SynReceived
        )
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Closed => "CLOSED",
            State::Listen => "LISTEN",
            State::SynSent => "SYN-SENT",
            State::SynReceived => "SYN-RECEIVED",
            State::Established => "ESTABLISHED",
            State::FinWait1 => "FIN-WAIT-1",
            State::FinWait2 => "FIN-WAIT-2",
            State::CloseWait => "CLOSE-WAIT",
            State::Closing => "CLOSING",
            State::LastAck => "LAST-ACK",
            State::TimeWait => "TIME-WAIT",
        })
    }
}

/// Why a connection ended, or what a call on it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// `ECONNREFUSED`: the SYN was answered with a reset.
    ConnectionRefused,
    /// `ECONNRESET`: a reset came.
    Reset,
    /// `EPIPE`: a reset came after the peer's FIN.
    BrokenPipe,
    /// `ETIMEDOUT`: no answer for too long.
    TimedOut,
    /// `EHOSTUNREACH`, from ICMP.
    HostUnreachable,
    /// `ENETUNREACH`, from ICMP.
    NetworkUnreachable,
    /// `EPROTO`, from ICMP (parameter problem).
    Protocol,
    /// `ENOPROTOOPT`, from ICMP (protocol unreachable).
    ProtocolUnreachable,
    /// `EACCES`, from ICMPv6 (administratively prohibited).
    Prohibited,
    /// `ECONNABORTED`: aborted by the owner.
    Aborted,
}

/// An ICMP error about a segment of this connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// May pass; remembered and told if the connection times out.
    Soft(Error),
    /// Ends a connection attempt; as a soft one once the connection is established (RFC 5461).
    Hard(Error),
    /// The segment was too long; the MSS that fits the path's MTU (MTU less IP header less 20).
    PacketTooBig(u16),
}

/// What the owner may do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// Bytes a read would give now (`FIONREAD`): up to the urgent mark.
    pub readable: usize,
    /// The peer's FIN has come and everything before it has been read, or the receive side is shut: reads give 0.
    pub readable_eof: bool,
    /// Writable as Linux's `sk_stream_is_writeable`, and the state allows sending.
    pub writable: bool,
    /// Sending is over: FIN queued, or closed.
    pub send_shut: bool,
    /// The peer's FIN has come (its data may still be unread), or the owner shut the receive side, or closed.
    pub receive_shut: bool,
    /// An unread urgent byte waits (`POLLPRI`).
    pub urgent: bool,
    /// The error that [`crate::Connection::take_error`] would take.
    pub error: Option<Error>,
}

bitflags! {
    /// What happened while an input was handled: for counters (named as in `/proc/net/netstat`) and for waking up.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Events: u64 {
        /// The handshake is complete.
        const ESTABLISHED = 1;
        /// There is new data to read.
        const READABLE = 1 << 1;
        /// The peer's FIN came in order.
        const FIN = 1 << 2;
        /// Sent data was acknowledged: there may be room.
        const ACKNOWLEDGED = 1 << 3;
        /// New urgent data was announced (`SIGURG`).
        const URGENT = 1 << 4;
        /// The connection came to its end.
        const CLOSED = 1 << 5;
        /// The connection came to TIME-WAIT.
        const TIME_WAIT = 1 << 6;
        /// A reset ended the connection (`EstabResets`).
        const RESET = 1 << 7;
        /// A connection attempt failed (`AttemptFails`).
        const ATTEMPT_FAILED = 1 << 8;
        /// `PAWSEstab`
        const PAWS_DROP = 1 << 9;
        /// A segment outside of the window was dropped.
        const OUT_OF_WINDOW = 1 << 10;
        /// `TCPChallengeACK`
        const CHALLENGE_ACK = 1 << 11;
        /// `TCPSYNChallenge`
        const SYN_CHALLENGE = 1 << 12;
        /// `TCPACKSkippedChallenge`: an answer to an invalid segment was held back by the rate limit; so are the next two.
        const SKIPPED_CHALLENGE = 1 << 13;
        /// `TCPOFOQueue`
        const OUT_OF_ORDER = 1 << 14;
        /// `TCPOFODrop`
        const OUT_OF_ORDER_DROP = 1 << 15;
        /// `DelayedACKLost`: a segment that was received already came again.
        const DUPLICATE = 1 << 16;
        /// `TCPRcvQDrop`: data that found no room.
        const NO_ROOM = 1 << 17;
        /// `TCPTimeouts`
        const TIMEOUT = 1 << 18;
        /// `TCPFastRetrans`
        const FAST_RETRANSMIT = 1 << 19;
        /// `TCPSackRecovery` or `TCPRenoRecovery`
        const RECOVERY = 1 << 20;
        /// `TCPSACKReneging`
        const SACK_RENEGING = 1 << 21;
        /// `TCPDSACKRecv`
        const DSACK_RECEIVED = 1 << 22;
        /// `DelayedACKs`: the delayed acknowledgment was sent by the timer.
        const DELAYED_ACK = 1 << 23;
        /// `TCPKeepAlive`
        const KEEPALIVE = 1 << 24;
        /// `TCPWinProbe`
        const WINDOW_PROBE = 1 << 25;
        /// `TCPAbortOnData`
        const ABORT_ON_DATA = 1 << 26;
        /// `TCPAbortOnClose`
        const ABORT_ON_CLOSE = 1 << 27;
        /// `TCPAbortOnTimeout`
        const ABORT_ON_TIMEOUT = 1 << 28;
        /// `TCPAbortOnLinger`
        const ABORT_ON_LINGER = 1 << 29;
        /// `TCPHPHits`: data of which the header was foreseen.
        const HEADER_PREDICTED = 1 << 30;
        /// RFC 9293 3.8.3 (b): nothing got through for as long as `tcp_retries1` timeouts take, or a SYN went twice in vain: the
        /// route is to be asked for anew (`dst_negative_advice`).
        const SUSPECT_PATH = 1 << 31;
        /// `TCPDeferAcceptDrop`
        const ACCEPT_DEFERRED = 1 << 32;
        /// `PAWSActive`: the answer to our SYN echoes what it never said.
        const PAWS_ACTIVE = 1 << 33;
        /// `EmbryonicRsts`: a request was ended by a reset, or by a SYN.
        const EMBRYONIC_RESET = 1 << 34;
        /// `TCPACKSkippedSynRecv`
        const SKIPPED_SYN_RECEIVED = 1 << 35;
        /// `TCPDSACKOldSent`: the peer was told that something came twice.
        const DSACK_SENT_OLD = 1 << 36;
        /// `TCPDSACKOfoSent`: so did something beyond a gap.
        const DSACK_SENT_OUT_OF_ORDER = 1 << 37;
        /// What a path does that swallows Fast Open: three timeouts, a reset that is not exact, or a FIN that nothing led to.
        const FAST_OPEN_SUSPECT = 1 << 38;
        /// `TCPToZeroWindowAdv`: the peer was told of no room.
        const WINDOW_SHUT = 1 << 39;
        /// `TCPFromZeroWindowAdv`: and now that there is some.
        const WINDOW_OPENED = 1 << 40;
        /// `TCPWantZeroWindowAdv`: there is none, but what was told is not taken back.
        const WINDOW_KEPT_OPEN = 1 << 41;
        /// `TCPHPAcks`: an acknowledgment of something new in a header that was foreseen.
        const PREDICTED_ACK = 1 << 42;
        /// `TCPPureAcks`: an acknowledgment without data that was not.
        const PURE_ACK = 1 << 43;
        /// `TCPOFOMerge`: data beyond a gap that was there already, or that covers what was.
        const OUT_OF_ORDER_MERGE = 1 << 44;
        /// `TcpTimeoutRehash`: after a timeout what is sent may take another path.
        const TIMEOUT_REHASH = 1 << 45;
        /// `TCPACKSkippedSeq`
        const SKIPPED_SEQUENCE = 1 << 48;
        /// `TCPACKSkippedPAWS`
        const SKIPPED_PAWS = 1 << 49;
        /// `BeyondWindow`: a segment that began, or ended, behind the window.
        const BEYOND_WINDOW = 1 << 50;
        /// `PAWSOldAck`: an old acknowledgment that was overtaken by a later one.
        const PAWS_OLD_ACK = 1 << 51;
        /// `TSEcrRejected`: an echo of a timestamp that was never sent.
        const ECHO_REJECTED = 1 << 52;
        /// `PAWSTimewait`
        const PAWS_TIME_WAIT = 1 << 54;
        /// `TCPACKSkippedTimeWait`
        const SKIPPED_TIME_WAIT = 1 << 55;
        /// `TCPACKSkippedFinWait2`
        const SKIPPED_FIN_WAIT_2 = 1 << 56;
        /// `TCPMTUPSuccess`: a probe of the path's MTU arrived.
        const PATH_PROBE_ARRIVED = 1 << 57;
        /// `TCPMTUPFail`: it did not.
        const PATH_PROBE_LOST = 1 << 58;
        /// `TCPZeroWindowDrop`: data that came while the window was shut.
        const ZERO_WINDOW_DROP = 1 << 53;
        /// `PruneCalled`: the receive buffer was full, though the window was not.
        const PRUNED = 1 << 59;
        /// `OfoPruned`: what came out of order was thrown away, or a part of it.
        const OUT_OF_ORDER_PRUNED = 1 << 60;
        /// `RcvPruned`: all of it did not help.
        const PRUNED_IN_VAIN = 1 << 61;
    }
}

/// What an inbound segment led to.
#[must_use]
#[derive(Debug, Default)]
pub struct Response {
    /// A reset to send in answer, which is rare. Other answers come from [`crate::Connection::poll_transmit`].
    pub reset: Option<Box<OutgoingSegment>>,
    /// What happened.
    pub events: Events,
}
