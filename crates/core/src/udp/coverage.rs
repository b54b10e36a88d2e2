//! How much of a UDP-Lite datagram its checksum covers (RFC 3828).

/// The least that can be covered: the header.
const LEAST: u16 = 8;

/// What a UDP-Lite socket was told: 0 stands for all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// `UDPLITE_SEND_CSCOV`, if set.
    pub(crate) send: Option<u16>,
    /// `UDPLITE_RECV_CSCOV`, if set.
    pub(crate) receive: Option<u16>,
}

impl Coverage {
    /// An option's value as `udp_lib_setsockopt` takes it: at least the header, at most what fits the field.
    pub(crate) fn from_option(value: i32) -> u16 {
        match value {
            0 => 0,
            // Unlike what udplite.rst says: nothing is refused.
            ..8 => LEAST,
            _ => u16::try_from(value).unwrap_or(u16::MAX),
        }
    }

    /// The coverage field of a datagram that is `length` bytes long with its header (`udplite_csum`). A socket that was
    /// told nothing writes the length, as UDP does.
    pub(crate) fn field(self, length: usize) -> u16 {
        match self.send {
            Some(coverage) if usize::from(coverage) < length => coverage,
            _ => u16::try_from(length).unwrap_or(0),
        }
    }

    /// Whether the socket takes a datagram of which only the first `covered` bytes are covered
    /// (`udp_queue_rcv_one_skb`).
    pub(crate) fn accepts(self, covered: u16) -> bool {
        match self.receive {
            None => true,
            Some(0) => false,
            Some(least) => covered >= least,
        }
    }
}
