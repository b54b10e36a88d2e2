//! Options, states and counters of either side.

use sockeye_core::Queued;

use super::sockets::number;
use super::{Answer, Lab, Socket};
use crate::{Who, sockopt};

/// `struct tcp_info`, by the places of its fields.
#[derive(Clone, Copy, Debug)]
pub struct TcpInfo([u8; TcpInfo::LEN]);

impl TcpInfo {
    const LEN: usize = 200;

    fn word(&self, at: usize) -> u32 {
        let bytes = self.0.get(at..at + 4);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        u32::from_ne_bytes(bytes.unwrap_or_default())
    }

    fn long(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..at + 8);
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        u64::from_ne_bytes(bytes.unwrap_or_default())
    }

    /// `TCP_ESTABLISHED` is 1.
    pub fn state(&self) -> u8 {
        self.0[0]
    }

    /// `TCP_CA_Open` is 0.
    pub fn ca_state(&self) -> u8 {
        self.0[1]
    }

    /// `TCPI_OPT_*`
    pub fn options(&self) -> u8 {
        self.0[5]
    }

    /// Of the windows that come, and of those that go.
    pub fn scales(&self) -> [u8; 2] {
        [self.0[6] & 15, self.0[6] >> 4]
    }

    /// The longest segment.
    pub fn snd_mss(&self) -> u32 {
        self.word(16)
    }

    /// The longest segment that came.
    pub fn rcv_mss(&self) -> u32 {
        self.word(20)
    }

    /// Segments that are on their way.
    pub fn unacked(&self) -> u32 {
        self.word(24)
    }

    /// The path's MTU.
    pub fn pmtu(&self) -> u32 {
        self.word(60)
    }

    /// Where slow start ends.
    pub fn snd_ssthresh(&self) -> u32 {
        self.word(76)
    }

    /// The congestion window.
    pub fn snd_cwnd(&self) -> u32 {
        self.word(80)
    }

    /// How far packets are out of order.
    pub fn reordering(&self) -> u32 {
        self.word(88)
    }

    /// Bytes that the other side has.
    pub fn bytes_acked(&self) -> u64 {
        self.long(120)
    }

    /// Bytes that came.
    pub fn bytes_received(&self) -> u64 {
        self.long(128)
    }

    /// The shortest round trip, in microseconds.
    pub fn min_rtt(&self) -> u32 {
        self.word(148)
    }

    /// Segments with data that came.
    pub fn data_segs_in(&self) -> u32 {
        self.word(152)
    }

    /// Segments with data that were sent.
    pub fn data_segs_out(&self) -> u32 {
        self.word(156)
    }

    /// Bytes in a second.
    pub fn delivery_rate(&self) -> u64 {
        self.long(160)
    }

    /// Segments that the other side has.
    pub fn delivered(&self) -> u32 {
        self.word(192)
    }

    /// Marks that the other side has told of.
    pub fn delivered_ce(&self) -> u32 {
        self.word(196)
    }
}

impl Lab {
    /// `setsockopt`
    pub fn set_bytes(
        &mut self,
        socket: &Socket,
        level: i32,
        name: i32,
        value: &[u8],
    ) -> Answer<()> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => self
                .host
                .set_option(*id, level, name, value, now)
                .map_err(number),
            Socket::Kernel(file) => sockopt::set(file, level, name, value),
        }
    }

    /// An option that is a number.
    ///
    /// # Errors
    /// What was said.
    pub fn set(
        &mut self,
        socket: &Socket,
        level: i32,
        name: i32,
        value: i32,
    ) -> Result<(), String> {
        self.set_bytes(socket, level, name, &value.to_ne_bytes())
            .map_err(|errno| format!("option {level} {name}: {errno}"))
    }

    /// `getsockopt`
    pub fn get_bytes(
        &mut self,
        socket: &Socket,
        level: i32,
        name: i32,
        value: &mut [u8],
    ) -> Answer<()> {
        let now = self.now();
        match socket {
            Socket::Ours(id) => {
                let answer = self.host.get_option(*id, level, name, value.len(), now);
                for (to, from) in value.iter_mut().zip(&answer.map_err(number)?[..]) {
                    *to = *from;
                }
                Ok(())
            }
            Socket::Kernel(file) => sockopt::get(file, level, name, value),
        }
    }

    /// `TCP_INFO`
    ///
    /// # Errors
    /// What was said.
    pub fn info(&mut self, socket: &Socket) -> Result<TcpInfo, String> {
        let mut bytes = [0; TcpInfo::LEN];
        self.get_bytes(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes)
            .map_err(|errno| format!("TCP_INFO: {errno}"))?;
        Ok(TcpInfo(bytes))
    }

    /// Waits until a connection is in a state.
    ///
    /// # Errors
    /// It never is.
    pub fn await_state(&mut self, socket: &Socket, state: u8) -> Result<(), String> {
        let mut last = None;
        self.await_that(&format!("state {state} of {:?}", socket.who()), |lab| {
            last = Some(lab.info(socket)?.state());
            Ok(last == Some(state))
        })
        .map_err(|error| format!("{error}; last {last:?}"))
    }

    /// `poll`
    pub fn poll(&self, socket: &Socket) -> i16 {
        match socket {
            Socket::Ours(id) => self.host.readiness(*id).bits().cast_signed(),
            Socket::Kernel(file) => sockopt::poll(file),
        }
    }

    /// `SIOCATMARK`
    ///
    /// # Errors
    /// What was said.
    pub fn at_mark(&mut self, socket: &Socket) -> Result<bool, String> {
        /// `asm-generic/sockios.h`
        const SIOCATMARK: libc::Ioctl = 0x8905;
        match socket {
            Socket::Ours(id) => self.host.at_mark(*id).map_err(number),
            Socket::Kernel(file) => sockopt::number(file, SIOCATMARK).map(|value| value != 0),
        }
        .map_err(|errno| format!("SIOCATMARK: {errno}"))
    }

    /// `FIONREAD`
    ///
    /// # Errors
    /// What was said.
    pub fn unread(&mut self, socket: &Socket) -> Result<usize, String> {
        match socket {
            Socket::Ours(id) => self.host.queued(*id, Queued::Unread).map_err(number),
            Socket::Kernel(file) => sockopt::number(file, libc::FIONREAD)
                .map(|count| usize::try_from(count).unwrap_or(0)),
        }
        .map_err(|errno| format!("FIONREAD: {errno}"))
    }

    /// A counter by its name in `nstat`.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn counter(&self, who: Who, name: &str) -> Result<u64, String> {
        match who {
            Who::Ours => {
                let value = self.host.counters().get(name);
                value.ok_or_else(|| format!("ours has no {name}"))
            }
            Who::Kernel => self.kernel.counter(name),
        }
    }

    /// Waits until a counter is so high.
    ///
    /// # Errors
    /// It never is.
    pub fn await_counter(&mut self, who: Who, name: &str, least: u64) -> Result<(), String> {
        self.await_that(&format!("{least} {name} of {who:?}"), |lab| {
            Ok(lab.counter(who, name)? >= least)
        })
    }
}
