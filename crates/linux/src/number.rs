//! Numbers of `<sys/socket.h>` and its kin that callers of the ABI need by name.

/// `AF_UNSPEC`.
pub const AF_UNSPEC: u16 = 0;
/// `AF_UNIX`.
pub const AF_UNIX: u16 = 1;
/// `AF_INET`.
pub const AF_INET: u16 = 2;
/// `AF_INET6`.
pub const AF_INET6: u16 = 10;
/// `AF_NETLINK`.
pub const AF_NETLINK: u16 = 16;
/// `AF_PACKET`.
pub const AF_PACKET: u16 = 17;

/// `SOCK_STREAM`.
pub const SOCK_STREAM: i32 = 1;
/// `SOCK_DGRAM`.
pub const SOCK_DGRAM: i32 = 2;
/// `SOCK_RAW`.
pub const SOCK_RAW: i32 = 3;
/// `SOCK_SEQPACKET`.
pub const SOCK_SEQPACKET: i32 = 5;
/// The bits of a type argument that name the type.
pub const SOCK_TYPE_MASK: i32 = 0xf;
/// `SOCK_NONBLOCK`.
pub const SOCK_NONBLOCK: i32 = 0o4000;
/// `SOCK_CLOEXEC`.
pub const SOCK_CLOEXEC: i32 = 0o2_000_000;

/// `SOL_SOCKET`.
pub const SOL_SOCKET: i32 = 1;
/// `SOL_IP`.
pub const SOL_IP: i32 = 0;
/// `SOL_TCP`.
pub const SOL_TCP: i32 = 6;
/// `SOL_IPV6`.
pub const SOL_IPV6: i32 = 41;

/// `SO_TYPE`.
pub const SO_TYPE: i32 = 3;
/// `SO_ERROR`.
pub const SO_ERROR: i32 = 4;
/// `SO_SNDBUF`.
pub const SO_SNDBUF: i32 = 7;
/// `SO_RCVBUF`.
pub const SO_RCVBUF: i32 = 8;
/// `SO_SNDBUFFORCE`.
pub const SO_SNDBUFFORCE: i32 = 32;
/// `SO_RCVBUFFORCE`.
pub const SO_RCVBUFFORCE: i32 = 33;
/// `SO_BUF_LOCK`.
pub const SO_BUF_LOCK: i32 = 72;
/// `SO_LINGER`.
pub const SO_LINGER: i32 = 13;
/// `SO_PASSCRED`.
pub const SO_PASSCRED: i32 = 16;
/// `SO_RCVLOWAT`.
pub const SO_RCVLOWAT: i32 = 18;
/// `SO_RCVTIMEO` with the old (64-bit native) `timeval`.
pub const SO_RCVTIMEO: i32 = 20;
/// `SO_SNDTIMEO` with the old (64-bit native) `timeval`.
pub const SO_SNDTIMEO: i32 = 21;
/// `SO_ATTACH_FILTER`.
pub const SO_ATTACH_FILTER: i32 = 26;
/// `SO_PEEK_OFF`.
pub const SO_PEEK_OFF: i32 = 42;
/// `SO_RCVTIMEO` with 64-bit time.
pub const SO_RCVTIMEO_NEW: i32 = 66;
/// `SO_SNDTIMEO` with 64-bit time.
pub const SO_SNDTIMEO_NEW: i32 = 67;

/// `TCP_NODELAY`.
pub const TCP_NODELAY: i32 = 1;
