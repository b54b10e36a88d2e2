//! `ioctl` commands on sockets, and `struct ifreq`.

/// `SIOCOUTQ`.
pub const SIOCOUTQ: u32 = 0x5411;
/// `FIONREAD`, which is `SIOCINQ`.
pub const FIONREAD: u32 = 0x541b;
/// `SIOCOUTQNSD`.
pub const SIOCOUTQNSD: u32 = 0x894b;
/// `SIOCATMARK`.
pub const SIOCATMARK: u32 = 0x8905;
/// `SIOCADDRT`: the first command about what lies beneath sockets.
pub const SIOCADDRT: u32 = 0x890b;
/// `SIOCDELRT`.
pub const SIOCDELRT: u32 = 0x890c;
/// `SIOCETHTOOL`.
pub const SIOCETHTOOL: u32 = 0x8946;
/// `SIOCPROTOPRIVATE`: from here on commands are the socket's own.
pub const SIOCPROTOPRIVATE: u32 = 0x89e0;
/// `SIOCGIFNAME`.
pub const SIOCGIFNAME: u32 = 0x8910;
/// `SIOCGIFCONF`.
pub const SIOCGIFCONF: u32 = 0x8912;
/// `SIOCGIFFLAGS`.
pub const SIOCGIFFLAGS: u32 = 0x8913;
/// `SIOCGIFADDR`.
pub const SIOCGIFADDR: u32 = 0x8915;
/// `SIOCGIFDSTADDR`.
pub const SIOCGIFDSTADDR: u32 = 0x8917;
/// `SIOCGIFBRDADDR`.
pub const SIOCGIFBRDADDR: u32 = 0x8919;
/// `SIOCGIFNETMASK`.
pub const SIOCGIFNETMASK: u32 = 0x891b;
/// `SIOCGIFMETRIC`.
pub const SIOCGIFMETRIC: u32 = 0x891d;
/// `SIOCGIFMTU`.
pub const SIOCGIFMTU: u32 = 0x8921;
/// `SIOCGIFHWADDR`.
pub const SIOCGIFHWADDR: u32 = 0x8927;
/// `SIOCGIFINDEX`.
pub const SIOCGIFINDEX: u32 = 0x8933;
/// `SIOCGIFTXQLEN`.
pub const SIOCGIFTXQLEN: u32 = 0x8942;
/// `SIOCGIFMAP`.
pub const SIOCGIFMAP: u32 = 0x8970;

/// `IFNAMSIZ`.
pub const NAME_SIZE: usize = 16;
/// `sizeof(struct ifreq)` on 64-bit machines.
pub const IFREQ_SIZE: usize = 40;

/// The interface's name in an `ifreq`, up to its closing zero.
pub fn interface_name(request: &[u8]) -> &[u8] {
    let name = request.get(..NAME_SIZE).unwrap_or(request);
    let end = name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(name.len());
    name.get(..end).unwrap_or_default()
}

/// An `ifreq` with this name and value.
pub fn interface_request(name: &str, value: &[u8]) -> [u8; IFREQ_SIZE] {
    let mut request = [0; IFREQ_SIZE];
    for (to, from) in request.iter_mut().zip(name.bytes().take(NAME_SIZE - 1)) {
        *to = from;
    }
    for (to, from) in request.iter_mut().skip(NAME_SIZE).zip(value) {
        *to = *from;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_holds_a_name_and_a_value() {
        let request = interface_request("eth0", &[1, 2, 3]);
        assert_eq!(interface_name(&request), b"eth0");
        assert_eq!(&request[16..19], [1, 2, 3]);
        assert_eq!(interface_name(&[b'x'; 40]).len(), NAME_SIZE);
    }
}
