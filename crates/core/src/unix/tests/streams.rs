//! Bytes in order, resets, the out-of-band byte.
use super::*;
use crate::Queued;
use crate::options::Switches;

const OOB: MessageFlags = MessageFlags::OOB;

fn urgent(host: &mut Host, id: SocketId, flags: MessageFlags) -> Result<Vec<u8>, Errno> {
    host.get_from(id, 1, OOB | flags, 0)
        .map(|(data, received)| {
            assert!(received.flags.contains(OOB));
            data
        })
}

fn send_urgent(host: &mut Host, id: SocketId, data: &[u8]) {
    assert_eq!(host.put_with(id, data, OOB, vec![]), Ok(data.len()));
}

#[test]
fn closing_with_unread_data_resets_after_what_was_sent() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.put(a, b"abc").unwrap();
    host.put(b, b"def").unwrap();
    host.close(b, NOW).unwrap();
    host.is(a, 0x201d);
    assert_eq!(host.put(a, b"x"), Err(Errno::EPIPE));
    assert_eq!(host.take(a, 10).unwrap(), b"def");
    assert_eq!(host.take(a, 10), Err(Errno::ECONNRESET));
    assert_eq!(host.take(a, 10).unwrap(), b"");
    host.is(a, 0x2015);
}

#[test]
fn reads_cross_the_boundaries_of_writes() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    for part in [&b"ab"[..], b"cde", b"f"] {
        host.put(a, part).unwrap();
    }
    assert_eq!(
        host.get_from(b, 4, MessageFlags::PEEK, 0).unwrap().0,
        b"abcd"
    );
    assert_eq!(host.take(b, 3).unwrap(), b"abc");
    assert_eq!(
        host.receive_payload(b, 100, NOW)
            .unwrap()
            .to_bytes()
            .as_ref(),
        b"def"
    );
    assert_eq!(host.take(b, 1), Err(Errno::EAGAIN));
    assert_eq!(host.take(b, 0), Err(Errno::EAGAIN));
    assert_eq!(
        host.send_bytes(a, bytes::Bytes::from_static(b"shared"), NOW),
        Ok(6)
    );
    assert_eq!(host.take(b, 0).unwrap(), b"");
    assert_eq!(host.take(b, 100).unwrap(), b"shared");
}

#[test]
fn a_read_stops_at_the_mark_and_the_next_skips_it() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.put(a, b"abc").unwrap();
    send_urgent(&mut host, a, b"de");
    host.put(a, b"f").unwrap();
    host.is(b, 0x7);
    assert_eq!(host.queued(b, Queued::Unread), Ok(6));
    assert_eq!(host.take(b, 10).unwrap(), b"abcd");
    host.is(b, 0x7);
    assert_eq!(urgent(&mut host, b, MessageFlags::empty()).unwrap(), b"e");
    host.is(b, 0x5);
    assert_eq!(host.queued(b, Queued::Unread), Ok(1));
    assert_eq!(host.take(b, 10).unwrap(), b"f");
    host.is(b, 0x4);
    assert_eq!(
        urgent(&mut host, b, MessageFlags::empty()),
        Err(Errno::EINVAL)
    );
    send_urgent(&mut host, a, b"x");
    assert_eq!(
        host.get_from(b, 10, MessageFlags::PEEK, 0).map(|_| ()),
        Err(Errno::EAGAIN)
    );
    assert_eq!(host.take(b, 10), Err(Errno::EAGAIN));
    host.is(b, 0x4);
    assert_eq!(host.put_with(a, b"", OOB, vec![]), Err(Errno::EOPNOTSUPP));
    assert_eq!(host.put_to(a, b"x", "@a"), Err(Errno::EISCONN));
}

#[test]
fn an_inline_byte_is_read_in_its_place() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.get_mut(b).unwrap().options.switches |= Switches::OOB_INLINE;
    host.put(a, b"ab").unwrap();
    send_urgent(&mut host, a, b"C");
    host.put(a, b"d").unwrap();
    assert_eq!(host.take(b, 10).unwrap(), b"ab");
    assert_eq!(
        urgent(&mut host, b, MessageFlags::empty()),
        Err(Errno::EINVAL)
    );
    host.is(b, 0x7);
    assert_eq!(host.take(b, 10).unwrap(), b"Cd");
    host.is(b, 0x4);
}

#[test]
fn a_second_urgent_byte_makes_the_first_ordinary() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    send_urgent(&mut host, a, b"A");
    send_urgent(&mut host, a, b"B");
    host.put(a, b"c").unwrap();
    assert_eq!(host.take(b, 10).unwrap(), b"A");
    assert_eq!(host.take(b, 10).unwrap(), b"c");
    assert_eq!(host.queued(b, Queued::Unread), Ok(0));
}

#[test]
fn the_mark_is_told_as_by_siocatmark() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    let mut marks = vec![host.at_mark(b).unwrap()];
    host.put(a, b"ab").unwrap();
    marks.push(host.at_mark(b).unwrap());
    send_urgent(&mut host, a, b"C");
    marks.push(host.at_mark(b).unwrap());
    host.take(b, 10).unwrap();
    marks.push(host.at_mark(b).unwrap());
    urgent(&mut host, b, MessageFlags::empty()).unwrap();
    marks.push(host.at_mark(b).unwrap());
    host.put(a, b"d").unwrap();
    marks.push(host.at_mark(b).unwrap());
    host.take(b, 1).unwrap();
    marks.push(host.at_mark(b).unwrap());
    assert_eq!(marks, [false, false, false, true, true, true, false]);
}

#[test]
fn peeking_leaves_the_urgent_byte_where_it_is() {
    let mut host = host();
    let (a, b) = host.pair(SocketType::Stream);
    host.put(a, b"ab").unwrap();
    send_urgent(&mut host, a, b"C");
    host.put(a, b"de").unwrap();
    let peek = MessageFlags::PEEK;
    assert_eq!(host.get_from(b, 10, peek, 0).unwrap().0, b"ab");
    assert_eq!(urgent(&mut host, b, peek).unwrap(), b"C");
    assert_eq!(urgent(&mut host, b, MessageFlags::empty()).unwrap(), b"C");
    host.is(b, 0x5);
    assert_eq!(host.get_from(b, 10, peek, 0).unwrap().0, b"ab");
    assert_eq!(host.take(b, 10).unwrap(), b"ab");
    assert_eq!(host.take(b, 10).unwrap(), b"de");
    send_urgent(&mut host, a, b"C");
    host.put(a, b"de").unwrap();
    assert_eq!(host.get_from(b, 10, peek, 0).unwrap().0, b"de");
    host.is(b, 0x7);
    assert_eq!(host.take(b, 10).unwrap(), b"de");
    host.is(b, 0x4);
}

#[test]
fn an_urgent_byte_that_was_read_does_not_reset() {
    for (reads, ready) in [(true, 0x2015), (false, 0x201d)] {
        let mut host = host();
        let (a, b) = host.pair(SocketType::Stream);
        send_urgent(&mut host, a, b"C");
        if reads {
            urgent(&mut host, b, MessageFlags::empty()).unwrap();
            host.is(b, 0x5);
        }
        host.close(b, NOW).unwrap();
        host.is(a, ready);
    }
}
