//! SACK blocks that go with data.

use super::*;

/// RFC 9293 3.7.1: the options take their room from the data, also those of an acknowledgment that was put off.
#[test]
fn data_leaves_room_for_the_blocks_that_go_with_it() {
    let offer = TcpOptions {
        mss: Some(1000),
        sack_permitted: true,
        ..TcpOptions::NONE
    };
    let syn = Segment {
        options: offer,
        ..segment(5000, 0, SYN, b"")
    };
    let mut lab = Lab::new(Connection::accept(settings(), &syn, Instant::from_secs(10)));
    lab.now += Duration::from_millis(100);
    lab.gets(segment(5001, 1001, ACK, b""));
    let now = lab.now;
    assert_eq!(lab.connection.send_slice(&[1; 20_000], false, now), 20_000);
    lab.flush();
    // Three ranges beyond a gap are told at once; that one grows may wait.
    for start in [6001, 8001, 10_001, 10_501] {
        lab.gets(segment(start, 1001, ACK, &[2; 500]));
    }
    // A fourth, and room for new data in the same segment.
    let _ = lab
        .connection
        .receive(segment(12_001, 3001, ACK, &[2; 500]), now);
    let mut data = 0;
    while let Some(sent) = lab.connection.poll_transmit(now) {
        let segment = sent.segment;
        let blocks = segment.options.sack.as_slice().len();
        let whole = segment.payload.len();
        let length = sent.segment_size.map_or(whole, |size| size.get().into());
        assert!(length + 4 + 8 * blocks <= 1000, "{length}, {blocks} blocks");
        data += whole;
    }
    assert!(data > 0);
}
