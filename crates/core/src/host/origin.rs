//! Whose packet it is: for captures that name programs.

use sockeye_wire::{Frame, IpProtocol, TcpView, UdpLiteView, UdpView};

use super::Host;
use crate::inet::bind_table::PortSpace;
use crate::inet::demux::FourTuple;
use crate::{InterfaceId, SocketId};

impl Host {
    /// The socket that sent a packet, as far as its addresses and ports tell: the connection they name, else the
    /// listener or datagram socket at the source. `None` for what the host itself sent, and for fragments.
    pub fn sender_of(&self, frame: &Frame) -> Option<SocketId> {
        let ip = frame.ip().ok()?;
        let layout = frame.layout().ok().filter(|layout| !layout.fragment)?;
        let header = frame.headers.get(layout.transport..)?;
        let (space, local_port, remote_port) = match layout.protocol {
            IpProtocol::TCP => {
                let view = TcpView::parse(header).ok()?;
                (PortSpace::Tcp, view.source_port(), view.destination_port())
            }
            IpProtocol::UDP => {
                let view = UdpView::parse(header).ok()?;
                (PortSpace::Udp, view.source_port(), view.destination_port())
            }
            IpProtocol::UDP_LITE => {
                let view = UdpLiteView::parse(header).ok()?;
                let ports = (view.source_port(), view.destination_port());
                (PortSpace::UdpLite, ports.0, ports.1)
            }
            _ => return None,
        };
        let tuple = FourTuple {
            space,
            local: ip.source(),
            local_port,
            remote: ip.destination(),
            remote_port,
        };
        let connected = self.connected(&tuple);
        connected.or_else(|| self.stack.receivers.find(&tuple, InterfaceId::LOOPBACK))
    }
}
