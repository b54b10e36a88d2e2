//! How much a connection holds, and when there is room again.

use bytes::Bytes;

use super::*;
use crate::pending::{Pending, Step};

const SOL_SOCKET: i32 = 1;
const SO_SNDBUF: i32 = 7;
const SO_RCVBUF: i32 = 8;

#[test]
fn a_blocking_write_goes_on_when_a_third_of_the_buffer_is_free() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let size = 30_000i32.to_ne_bytes();
        host.set_option(client, SOL_SOCKET, SO_SNDBUF, &size, NOW)
            .unwrap();
        host.set_option(server, SOL_SOCKET, SO_RCVBUF, &size, NOW)
            .unwrap();
        let data = Bytes::from(vec![7; 400_000]);
        let mut writing = Pending::sending(&host, client, false, NOW);
        let mut resumed = 0;
        let mut before = 0;
        let mut now = NOW;
        while writing.send_bytes(&mut host, &data, now) == Step::Blocked {
            let written = writing.progress() - before;
            let is_first = before == 0;
            before = writing.progress();
            // 60,000 bytes in all: a third is 20,000.
            assert!(is_first || written == 0 || written >= 20_000, "{written}");
            resumed += usize::from(written > 0);
            if host.receive_payload(server, 1000, now) == Err(Errno::EAGAIN) {
                now = host.next_deadline().expect("something is on its way");
                host.advance(now);
            }
        }
        assert_eq!(writing.progress(), data.len());
        assert!(resumed > 3);
    });
}
