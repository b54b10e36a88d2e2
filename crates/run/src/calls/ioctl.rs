//! `ioctl(2)` on sockets: their queues, and the interfaces of the run's network.

use std::net::Ipv4Addr;
use std::os::fd::BorrowedFd;

use sockeye_core::{Errno, Queued, SocketAddress};
use sockeye_linux::{address, ioctl};

use crate::conduit::{Far, State};
use crate::memory;
use crate::network::{INTERFACES, Interface};
use crate::notify::{Call, Outcome};
use crate::slab::Id;
use crate::supervisor::Supervisor;
use crate::sys;

pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    id: Id,
    file: BorrowedFd<'_>,
) -> Result<Outcome, Errno> {
    let command = call.int(1).cast_unsigned();
    let argument = call.argument(2);
    let tid = call.tid();
    match command {
        ioctl::SIOCOUTQ | ioctl::SIOCOUTQNSD => {
            let value = unsent(supervisor, id, file, command)?;
            memory::write(tid, argument, &value.to_ne_bytes())?;
        }
        // The urgent mark is the conduit's own.
        ioctl::SIOCATMARK => return Ok(Outcome::Proceed),
        ioctl::SIOCGIFCONF => interfaces(tid, argument)?,
        ioctl::SIOCGIFNAME => {
            let request = memory::read(tid, argument, ioctl::IFREQ_SIZE)?;
            let index = request[16..20].try_into().map_or(0, u32::from_ne_bytes);
            let interface = INTERFACES
                .iter()
                .find(|interface| interface.index == index)
                .ok_or(Errno::ENODEV)?;
            let mut name = [0; ioctl::NAME_SIZE];
            name[..interface.name.len()].copy_from_slice(interface.name.as_bytes());
            memory::write(tid, argument, &name)?;
        }
        ioctl::SIOCGIFFLAGS..=ioctl::SIOCGIFMAP => {
            let request = memory::read(tid, argument, ioctl::IFREQ_SIZE)?;
            let name = ioctl::interface_name(&request);
            // "eth0:1" asks for an alias; there are none.
            let interface = INTERFACES
                .iter()
                .find(|interface| interface.name.as_bytes() == name)
                .ok_or(Errno::ENODEV)?;
            let value = attribute(interface, command)?;
            memory::write(tid, argument.wrapping_add(16), &value)?;
        }
        _ => return Err(Errno::ENOTTY),
    }
    Ok(Outcome::Value(0))
}

/// Bytes that were sent and are not acknowledged: in the conduit and in the host.
fn unsent(
    supervisor: &Supervisor,
    id: Id,
    file: BorrowedFd<'_>,
    command: u32,
) -> Result<i32, Errno> {
    let Some(conduit) = supervisor.conduits.get(id) else {
        return Err(Errno::EBADF);
    };
    let which = if command == ioctl::SIOCOUTQ {
        Queued::Unsent
    } else {
        Queued::NeverSent
    };
    match &conduit.state {
        State::Listening(_) => Err(Errno::EINVAL),
        // The kernel's number counts its bookkeeping too, but it is zero exactly when all has been read.
        State::Joined(_) => Ok(i32::from(sys::unsent(file).is_ok_and(|bytes| bytes > 0))),
        State::Relay(relay) => {
            let waiting =
                usize::try_from(sys::unread(std::os::fd::AsFd::as_fd(&relay.end)).unwrap_or(0))
                    .unwrap_or(0);
            let host = match relay.far {
                Far::Host => supervisor.host.queued(conduit.socket, which)?,
                Far::Published(_) => 0,
            };
            Ok(i32::try_from(waiting + relay.outbound.len() + host).unwrap_or(i32::MAX))
        }
        _ => Ok(i32::try_from(supervisor.host.queued(conduit.socket, which)?).unwrap_or(i32::MAX)),
    }
}

/// `SIOCGIFCONF`: the IPv4 addresses, as many as fit.
fn interfaces(tid: i32, argument: u64) -> Result<(), Errno> {
    let configuration = memory::read(tid, argument, 16)?;
    let room = configuration[..4].try_into().map_or(0, i32::from_ne_bytes);
    let buffer = configuration[8..16]
        .try_into()
        .map_or(0, u64::from_ne_bytes);
    let mut bytes = Vec::new();
    for interface in &INTERFACES {
        bytes.extend_from_slice(&ioctl::interface_request(
            interface.name,
            &socket_address(interface.address),
        ));
    }
    if buffer != 0 {
        let room = usize::try_from(room).map_err(|_| Errno::EINVAL)?;
        bytes.truncate(room / ioctl::IFREQ_SIZE * ioctl::IFREQ_SIZE);
        memory::write(tid, buffer, &bytes)?;
    }
    memory::write(
        tid,
        argument,
        &i32::try_from(bytes.len()).unwrap_or(0).to_ne_bytes(),
    )
}

fn socket_address(ip: Ipv4Addr) -> Vec<u8> {
    address::encode(&SocketAddress::new(ip.into(), 0))
}

fn attribute(interface: &Interface, command: u32) -> Result<Vec<u8>, Errno> {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(interface.prefix))
        .unwrap_or(0);
    Ok(match command {
        ioctl::SIOCGIFFLAGS => interface.flags.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFADDR | ioctl::SIOCGIFDSTADDR => socket_address(interface.address),
        ioctl::SIOCGIFBRDADDR if interface.name == "lo" => socket_address(Ipv4Addr::UNSPECIFIED),
        ioctl::SIOCGIFBRDADDR => {
            socket_address(Ipv4Addr::from(u32::from(interface.address) | !mask))
        }
        ioctl::SIOCGIFNETMASK => socket_address(Ipv4Addr::from(mask)),
        ioctl::SIOCGIFMETRIC => 0_i32.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMTU => interface.mtu.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFINDEX => interface.index.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFTXQLEN => 1000_i32.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFHWADDR => {
            let mut value = interface.hardware.to_ne_bytes().to_vec();
            value.resize(16, 0);
            value
        }
        ioctl::SIOCGIFMAP => vec![0; 24],
        _ => return Err(Errno::EPERM),
    })
}
