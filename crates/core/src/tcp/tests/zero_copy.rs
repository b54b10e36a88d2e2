//! `MSG_ZEROCOPY`: what a call that goes in parts comes to.

use std::vec;
use std::vec::Vec;

use super::{NOW, both, host, pair, receive};
use crate::pending::{Pending, Step};
use crate::{Ancillary, Errno, Host, Incoming, MessageFlags, Outgoing, SocketId};

const SOL_SOCKET: i32 = 1;
const SO_ZEROCOPY: i32 = 60;

/// The ranges that the error queue tells of.
fn told(host: &mut Host, id: SocketId) -> Vec<(u32, u32)> {
    let mut ranges = Vec::new();
    loop {
        let message = Incoming {
            buffers: &mut [],
            flags: MessageFlags::ERRQUEUE,
            ancillary_room: 100,
        };
        match host.receive_message(id, message, NOW) {
            Err(errno) => {
                assert_eq!(errno, Errno::EAGAIN);
                return ranges;
            }
            Ok(received) => {
                let Some(Ancillary::ExtendedError(entry)) = received.ancillary.first() else {
                    panic!("{received:?}");
                };
                assert_eq!((entry.errno, entry.code), (None, 1));
                ranges.push((entry.info, entry.data));
            }
        }
    }
}

#[test]
fn a_call_that_waits_for_room_is_one_send() {
    both(|domain| {
        let mut host = host();
        let (client, server) = pair(&mut host, domain);
        let on = 1_i32.to_ne_bytes();
        host.set_option(client, SOL_SOCKET, SO_ZEROCOPY, &on, NOW)
            .unwrap();
        let data = vec![7; 40 << 20];
        let mut call = Pending::sending(&host, client, false, NOW);
        let mut read = 0;
        let mut waits = 0;
        loop {
            let message = Outgoing {
                data: &[&data],
                flags: MessageFlags::ZEROCOPY,
                ..Outgoing::default()
            };
            match call.send(&mut host, message, NOW) {
                Step::Done(sent) => break assert_eq!(sent, Ok(data.len())),
                Step::Blocked => waits += 1,
            }
            // All that was sent so far is acknowledged, and yet the call is not done.
            while let Ok(bytes) = receive(&mut host, server, 1 << 20) {
                read += bytes.len();
            }
            assert_eq!(told(&mut host, client), []);
        }
        assert!(waits > 1, "{waits}");
        while let Ok(bytes) = receive(&mut host, server, 1 << 20) {
            read += bytes.len();
        }
        assert_eq!(read, data.len());
        assert_eq!(told(&mut host, client), [(0, 0)]);
    });
}
