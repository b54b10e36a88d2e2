//! `ioctl(2)` about interfaces: netdevice(7). The same on every socket, the program's own `AF_UNIX` sockets too, whose
//! kernel would tell of the machine's network.

use std::net::{IpAddr, Ipv4Addr};

use sockeye_core::{Errno, InterfaceInfo, SocketAddress};
use sockeye_linux::number::AF_INET;
use sockeye_linux::{address, ioctl};

use crate::memory;
use crate::notify::{Call, Outcome};
use crate::supervisor::Supervisor;

/// Whether the command is about interfaces, routes or neighbours, on whatever socket.
pub(super) fn is_meant(call: &Call) -> bool {
    let command = call.int(1).cast_unsigned();
    (ioctl::SIOCADDRT..ioctl::SIOCPROTOPRIVATE).contains(&command) && command != ioctl::SIOCOUTQNSD
}

/// `domain` is the socket's family: addresses are `AF_INET`'s to tell (`inet_ioctl`), the rest is any socket's
/// (`dev_ioctl`).
pub(super) fn carry_out(
    supervisor: &mut Supervisor,
    call: &Call,
    domain: u16,
) -> Result<Outcome, Errno> {
    let command = call.int(1).cast_unsigned();
    let argument = call.argument(2);
    let tid = call.tid();
    let mut interfaces = supervisor.host.interface_infos();
    match command {
        ioctl::SIOCGIFCONF => list(interfaces, tid, argument)?,
        ioctl::SIOCGIFNAME => {
            let request = memory::read(tid, argument, ioctl::IFREQ_SIZE)?;
            let index = request[16..20].try_into().map_or(0, u32::from_ne_bytes);
            let found = interfaces.find(|interface| interface.index == index);
            let request = ioctl::interface_request(found.ok_or(Errno::ENODEV)?.name, &[]);
            memory::write(tid, argument, &request[..ioctl::NAME_SIZE])?;
        }
        ioctl::SIOCGIFADDR
        | ioctl::SIOCGIFDSTADDR
        | ioctl::SIOCGIFBRDADDR
        | ioctl::SIOCGIFNETMASK
            if domain != AF_INET =>
        {
            return Err(Errno::ENOTTY);
        }
        ioctl::SIOCGIFFLAGS..=ioctl::SIOCGIFMAP => {
            let request = memory::read(tid, argument, ioctl::IFREQ_SIZE)?;
            let name = ioctl::interface_name(&request);
            // "eth0:1" asks for an alias; there are none.
            let found = interfaces.find(|interface| interface.name.as_bytes() == name);
            let value = attribute(&found.ok_or(Errno::ENODEV)?, command)?;
            memory::write(tid, argument.wrapping_add(16), &value)?;
        }
        // Routes are not to be changed.
        ioctl::SIOCADDRT | ioctl::SIOCDELRT => return Err(Errno::EPERM),
        _ => return Err(Errno::ENOTTY),
    }
    Ok(Outcome::Value(0))
}

/// The IPv4 addresses of an interface, with their netmasks.
fn addresses(interface: &InterfaceInfo<'_>) -> impl Iterator<Item = (Ipv4Addr, Ipv4Addr)> {
    interface.addresses.iter().filter_map(|cidr| {
        let IpAddr::V4(own) = cidr.address() else {
            return None;
        };
        let host_bits = u32::MAX.checked_shr(cidr.prefix_len().into()).unwrap_or(0);
        Some((own, Ipv4Addr::from(!host_bits)))
    })
}

/// `SIOCGIFCONF`: the IPv4 addresses, as many as fit.
fn list<'a>(
    interfaces: impl Iterator<Item = InterfaceInfo<'a>>,
    tid: i32,
    argument: u64,
) -> Result<(), Errno> {
    let configuration = memory::read(tid, argument, 16)?;
    let room = configuration[..4].try_into().map_or(0, i32::from_ne_bytes);
    let buffer = configuration[8..16]
        .try_into()
        .map_or(0, u64::from_ne_bytes);
    let mut bytes = Vec::new();
    for interface in interfaces {
        for (own, _) in addresses(&interface) {
            let request = ioctl::interface_request(interface.name, &socket_address(own));
            bytes.extend_from_slice(&request);
        }
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

fn attribute(interface: &InterfaceInfo<'_>, command: u32) -> Result<Vec<u8>, Errno> {
    let (own, mask) = match addresses(interface).next() {
        Some((own, mask)) => (Ok(own), Ok(mask)),
        None => (Err(Errno::EADDRNOTAVAIL), Err(Errno::EADDRNOTAVAIL)),
    };
    Ok(match command {
        // The flags beyond the low sixteen are told by netlink only.
        ioctl::SIOCGIFFLAGS => {
            let [low, high, ..] = interface.flags.to_le_bytes();
            u16::from_le_bytes([low, high]).to_ne_bytes().to_vec()
        }
        ioctl::SIOCGIFADDR | ioctl::SIOCGIFDSTADDR => socket_address(own?),
        // No address was given one: no interface has a link layer to broadcast on.
        ioctl::SIOCGIFBRDADDR => socket_address(own.map(|_| Ipv4Addr::UNSPECIFIED)?),
        ioctl::SIOCGIFNETMASK => socket_address(mask?),
        ioctl::SIOCGIFMETRIC => 0_i32.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMTU => interface.mtu.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFINDEX => interface.index.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFTXQLEN => interface.queue_length.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFHWADDR => {
            let mut value = interface.hardware.to_ne_bytes().to_vec();
            value.extend_from_slice(interface.hardware_address);
            value.resize(16, 0);
            value
        }
        ioctl::SIOCGIFMAP => vec![0; 24],
        ioctl::SIOCETHTOOL => return Err(Errno::EOPNOTSUPP),
        _ => return Err(Errno::EPERM),
    })
}
