//! Control messages as bytes: `struct cmsghdr` is a length, a level and a type.

use crate::Control;

/// `sizeof(struct cmsghdr)`.
const HEADER: usize = 16;

/// `CMSG_ALIGN`.
fn aligned(length: usize) -> usize {
    length.next_multiple_of(8)
}

fn word<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..at + N)
        .and_then(|word| word.try_into().ok())
        .unwrap_or([0; N])
}

/// One message, padded.
pub fn join(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let mut bytes = (HEADER + data.len()).to_ne_bytes().to_vec();
    bytes.extend(level.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(data);
    bytes.resize(aligned(bytes.len()), 0);
    bytes
}

/// Level, type and data of each message.
pub fn split(bytes: &[u8]) -> Vec<(i32, i32, Vec<u8>)> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while rest.len() >= HEADER {
        let length = usize::from_ne_bytes(word(rest, 0));
        if length < HEADER {
            break;
        }
        let data = rest[HEADER..length.min(rest.len())].to_vec();
        messages.push((
            i32::from_ne_bytes(word(rest, 8)),
            i32::from_ne_bytes(word(rest, 12)),
            data,
        ));
        rest = rest.get(aligned(length)..).unwrap_or(&[]);
    }
    messages
}

/// `struct ucred`, told relative to the caller. One that was cut only has its length.
pub fn credentials(data: &[u8], own: (i32, u32, u32)) -> Control {
    if data.len() != 12 {
        let (level, kind) = (libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
        return Control::Other {
            level,
            kind,
            data: vec![0; data.len()],
        };
    }
    let pid = i32::from_ne_bytes(word(data, 0));
    let (uid, gid) = (
        u32::from_ne_bytes(word(data, 4)),
        u32::from_ne_bytes(word(data, 8)),
    );
    Control::Credentials {
        pid: (pid != own.0).then_some(pid),
        uid: (uid != own.1).then_some(uid),
        gid: (gid != own.2).then_some(gid),
    }
}
