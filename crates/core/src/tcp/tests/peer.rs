//! Somebody on the network who makes every segment by hand.

use core::net::Ipv4Addr;

use sockeye_wire::{
    ChecksumState, Frame, Headers, IpProtocol, Ipv4Header, Offload, TcpFlags, TcpHeader,
    TcpOptions, TcpView, Timestamps,
};

use super::*;

pub(super) const SYN: TcpFlags = TcpFlags::SYN;
pub(super) const ACK: TcpFlags = TcpFlags::ACK;
pub(super) const RST: TcpFlags = TcpFlags::RST;

const HERE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A host at 10.0.0.1 that speaks to strangers.
pub(super) fn exposed(change: impl FnOnce(&mut crate::Sysctl)) -> Host {
    let mut config = Config {
        seed: 5,
        addresses: vec![IpCidr::new(HERE.into(), 8).unwrap()],
        ..Config::default()
    };
    change(&mut config.sysctl);
    Host::new(config)
}

/// A listener at port 80 of it.
pub(super) fn exposed_listener(host: &mut Host, backlog: i32) -> SocketId {
    let id = tcp(host, Domain::Inet);
    host.bind(id, &SocketAddress::new(HERE.into(), 80), NOW)
        .unwrap();
    host.listen(id, backlog, NOW).unwrap();
    id
}

/// One address, one port.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    pub(super) address: Ipv4Addr,
    pub(super) port: u16,
    /// Initial sequence number.
    pub(super) isn: u32,
}

impl Peer {
    /// Another one for each number.
    pub(super) fn number(number: u32) -> Self {
        let [_, b, c, d] = (number + 256).to_be_bytes();
        Self {
            address: Ipv4Addr::new(10, 1 + b, c, d),
            port: 4000,
            isn: 7000,
        }
    }

    /// A segment to the listener.
    pub(super) fn sends(&self, host: &mut Host, header: TcpHeader, data: &[u8], now: Instant) {
        self.sends_to(host, 80, header, data, now);
    }

    pub(super) fn sends_to(
        &self,
        host: &mut Host,
        port: u16,
        header: TcpHeader,
        data: &[u8],
        now: Instant,
    ) {
        self.sends_from_to(host, HERE, port, header, data, now);
    }

    /// The same to any address.
    pub(super) fn sends_from_to(
        &self,
        host: &mut Host,
        to: Ipv4Addr,
        port: u16,
        header: TcpHeader,
        data: &[u8],
        now: Instant,
    ) {
        let header = TcpHeader {
            source_port: self.port,
            destination_port: port,
            window: 60_000,
            ..header
        };
        let mut headers = Headers::new();
        let length = header.header_len() + data.len();
        Ipv4Header::new(self.address, to, IpProtocol::TCP, length).emit(&mut headers);
        header.emit(&mut headers);
        let frame = Frame {
            headers,
            payload: data.to_vec().into(),
            offload: Offload {
                checksum: ChecksumState::Verified,
                ..Offload::default()
            },
        };
        let eth0 = host.interface_by_name("eth0").unwrap();
        host.receive(eth0, frame, now);
    }

    pub(super) fn asks(&self, host: &mut Host, options: TcpOptions, now: Instant) {
        let header = TcpHeader {
            sequence: self.isn,
            flags: SYN,
            options,
            ..TcpHeader::default()
        };
        self.sends(host, header, b"", now);
    }

    /// Answers a SYN-ACK, and says something or nothing.
    pub(super) fn confirms(&self, host: &mut Host, answer: &TcpHeader, data: &[u8], now: Instant) {
        let mut header = TcpHeader {
            sequence: self.isn + 1,
            acknowledgment: answer.sequence.wrapping_add(1),
            flags: ACK,
            ..TcpHeader::default()
        };
        header.options.timestamps = answer.options.timestamps.map(|sent| Timestamps {
            value: 500,
            echo: sent.value,
        });
        self.sends(host, header, data, now);
    }

    /// What the host has sent to this peer since the last look; what others got is thrown away.
    pub(super) fn hears(&self, host: &mut Host) -> Vec<TcpHeader> {
        let eth0 = host.interface_by_name("eth0").unwrap();
        let mut heard = Vec::new();
        while let Some(frame) = host.transmit(eth0) {
            let layout = frame.layout().unwrap();
            let view = TcpView::parse(&frame.headers[layout.transport..]).unwrap();
            if frame.ip().unwrap().destination() == core::net::IpAddr::V4(self.address)
                && view.destination_port() == self.port
            {
                heard.push(TcpHeader::from(view));
            }
        }
        heard
    }
}

/// What a current system offers.
pub(super) fn modern() -> TcpOptions {
    TcpOptions {
        mss: Some(1460),
        window_scale: Some(7),
        sack_permitted: true,
        timestamps: Some(Timestamps {
            value: 400,
            echo: 0,
        }),
        ..TcpOptions::NONE
    }
}
