//! Packets of somebody else's, or of long ago (RFC 5961, RFC 7323 5).

use sockeye_interop::{Lab, Packet, Socket, Who};
use sockeye_wire::{Payload, TcpFlags, TcpOptions};

use super::{ESTABLISHED, Feature, numbered, same, sure};

pub(super) const FEATURES: &[Feature] = &[
    Feature::new("reset-in-window", reset_in_window),
    Feature::new("reset-exact", reset_exact),
    Feature::new("syn-in-window", syn_in_window),
    Feature::new("acknowledgment-too-old", acknowledgment_too_old),
    Feature::new("acknowledgment-of-the-unsent", acknowledgment_of_the_unsent),
    Feature::new("old-timestamp", old_timestamp),
    Feature::new("other-data-again", other_data_again),
    Feature::new("copies-that-differ", copies_that_differ),
    Feature::new("challenges-in-a-row", challenges_in_a_row),
    Feature::new("acknowledgments-split", acknowledgments_split),
];

/// A connection that has carried something both ways, and what the other end would send next: nothing, and an acknowledgment.
fn settled(lab: &mut Lab, here: Who) -> Result<([Socket; 2], Packet), String> {
    let [socket, other] = lab.connect(here)?;
    let data = numbered(20_000);
    lab.transfer(&socket, &other, &data)?;
    lab.transfer(&other, &socket, &data)?;
    for end in [&socket, &other] {
        lab.await_that("all acknowledged", |lab| Ok(lab.info(end)?.unacked() == 0))?;
    }
    let last = |who| lab.seen.iter().rfind(move |packet| packet.from == who);
    let (mine, theirs) = (last(here), last(here.other()));
    let (mine, theirs) = mine.zip(theirs).ok_or("nothing sent")?;
    let mut next = theirs.clone();
    next.payload = Payload::new();
    next.header.sequence = mine.header.acknowledgment;
    next.header.acknowledgment = mine.end();
    next.header.flags = TcpFlags::ACK;
    Ok(([socket, other], next))
}

/// It is still there, and carries what it should.
fn is_unharmed(lab: &mut Lab, [socket, other]: [&Socket; 2]) -> Result<(), String> {
    same("state", &lab.info(socket)?.state(), &ESTABLISHED)?;
    let data = numbered(30_000);
    lab.transfer(other, socket, &data)?;
    lab.transfer(socket, other, &data)
}

/// What asks for an answer without any other effect.
fn challenged(
    lab: &mut Lab,
    here: Who,
    counter: &str,
    change: fn(&mut Packet),
) -> Result<(), String> {
    let ([socket, other], mut packet) = settled(lab, here)?;
    change(&mut packet);
    let before = lab.seen.len();
    lab.inject(&packet);
    lab.await_counter(here, counter, 1)?;
    lab.await_that("a challenge", |lab| {
        let sent = lab.seen[before..].iter();
        let mut sent = sent.filter(|packet| packet.from == here);
        Ok(sent.any(|packet| packet.header.flags == TcpFlags::ACK))
    })?;
    is_unharmed(lab, [&socket, &other])
}

/// RFC 5961 3.2
fn reset_in_window(lab: &mut Lab, here: Who) -> Result<(), String> {
    challenged(lab, here, "TcpExtTCPChallengeACK", |packet| {
        packet.header.flags = TcpFlags::RST;
        packet.header.sequence = packet.header.sequence.wrapping_add(100);
        packet.header.options = TcpOptions::default();
    })
}

fn reset_exact(lab: &mut Lab, here: Who) -> Result<(), String> {
    let ([socket, _other], mut packet) = settled(lab, here)?;
    packet.header.flags = TcpFlags::RST;
    packet.header.options = TcpOptions::default();
    lab.inject(&packet);
    same("error", &lab.receive(&socket, 1)?, &Err(libc::ECONNRESET))
}

/// RFC 5961 4.2
fn syn_in_window(lab: &mut Lab, here: Who) -> Result<(), String> {
    challenged(lab, here, "TcpExtTCPSYNChallenge", |packet| {
        packet.header.flags = TcpFlags::SYN;
        packet.header.sequence = packet.header.sequence.wrapping_add(100);
    })
}

/// RFC 5961 5.2
fn acknowledgment_too_old(lab: &mut Lab, here: Who) -> Result<(), String> {
    challenged(lab, here, "TcpExtTCPChallengeACK", |packet| {
        let number = packet.header.acknowledgment;
        packet.header.acknowledgment = number.wrapping_sub(10_000_000);
    })
}

/// Data that somebody slips in, with a header that can't be.
fn not_taken(
    lab: &mut Lab,
    here: Who,
    counter: Option<&str>,
    change: fn(&mut Packet),
) -> Result<(), String> {
    let ([socket, other], mut packet) = settled(lab, here)?;
    packet.payload = Payload::from(b"slipped in".to_vec());
    packet.header.flags |= TcpFlags::PSH;
    change(&mut packet);
    let before = lab.counter(here, "TcpInSegs")?;
    lab.inject(&packet);
    lab.await_counter(here, "TcpInSegs", before + 1)?;
    if let Some(counter) = counter {
        lab.await_counter(here, counter, 1)?;
    }
    lab.pause(std::time::Duration::from_millis(5))?;
    let taken = lab.try_receive(&socket, 100, 0);
    same("data", &taken, &Err(libc::EAGAIN))?;
    is_unharmed(lab, [&socket, &other])
}

/// RFC 9293 3.10.7.4, fifth
fn acknowledgment_of_the_unsent(lab: &mut Lab, here: Who) -> Result<(), String> {
    not_taken(lab, here, None, |packet| {
        let number = packet.header.acknowledgment;
        packet.header.acknowledgment = number.wrapping_add(1000);
    })
}

/// RFC 7323 5.3: protection against wrapped sequence numbers.
fn old_timestamp(lab: &mut Lab, here: Who) -> Result<(), String> {
    not_taken(lab, here, Some("TcpExtPAWSEstab"), |packet| {
        if let Some(timestamps) = &mut packet.header.options.timestamps {
            timestamps.value = timestamps.value.wrapping_sub(100_000);
        }
    })
}

/// Other bytes in the place of those that were read.
fn other_data_again(lab: &mut Lab, here: Who) -> Result<(), String> {
    let before = lab.seen.len();
    not_taken(lab, here, None, |packet| {
        packet.header.sequence = packet.header.sequence.wrapping_sub(5000);
    })?;
    // RFC 2883: that it was there before is told.
    let told = lab.seen[before..].iter().filter(|packet| {
        let first = packet.header.options.sack.as_slice().first().copied();
        let end = packet.header.acknowledgment;
        packet.from == here
            && first.is_some_and(|(start, _)| end.wrapping_sub(start).cast_signed() > 0)
    });
    sure(told.count() > 0, "no D-SACK")
}

/// RFC 5961 7: whoever asks again and again is not answered again and again.
fn challenges_in_a_row(lab: &mut Lab, here: Who) -> Result<(), String> {
    let ([socket, other], mut packet) = settled(lab, here)?;
    packet.header.flags = TcpFlags::RST;
    packet.header.sequence = packet.header.sequence.wrapping_add(100);
    packet.header.options = TcpOptions::default();
    for _ in 0..20 {
        lab.inject(&packet);
    }
    lab.await_counter(here, "TcpExtTCPACKSkippedChallenge", 10)?;
    let answered = lab.counter(here, "TcpExtTCPChallengeACK")?;
    sure((1..=10).contains(&answered), format!("{answered} answers"))?;
    is_unharmed(lab, [&socket, &other])
}

/// A receiver that acknowledges a segment in many parts does not make its sender faster (`tcp_slow_start` counts segments).
fn acknowledgments_split(lab: &mut Lab, here: Who) -> Result<(), String> {
    let ([socket, other], packet) = settled(lab, here)?;
    lab.hold(here.other());
    let before = lab.info(&socket)?.snd_cwnd();
    let data = numbered(5000);
    lab.send(&socket, &data)?;
    lab.await_that("it is sent", |lab| Ok(lab.info(&socket)?.unacked() >= 4))?;
    let came = lab.counter(here, "TcpInSegs")?;
    for part in 1..=50 {
        let mut packet = packet.clone();
        let number = packet.header.acknowledgment;
        packet.header.acknowledgment = number.wrapping_add(part * 20);
        lab.inject(&packet);
    }
    lab.await_counter(here, "TcpInSegs", came + 50)?;
    let after = lab.info(&socket)?.snd_cwnd();
    sure(
        after <= before + 1,
        format!("window {before}, then {after}"),
    )?;
    lab.release();
    let received = lab.receive_all(&other, data.len())?;
    sure(received == data, "other bytes")
}

/// Of data beyond a gap that comes twice and differs, which copy is read: segments (position, letter, length).
fn copies_that_differ(lab: &mut Lab, here: Who) -> Result<(), String> {
    let ([socket, _other], next) = settled(lab, here)?;
    let mut base = next.header.sequence;
    for (segments, expected) in [
        (&[(10, b'a', 40), (30, b'b', 40)][..], "40a 20b"),
        (&[(30, b'a', 40), (10, b'b', 40)], "40b 20a"),
        (&[(30, b'a', 10), (10, b'b', 60)], "60b"),
        (&[(10, b'a', 60), (30, b'b', 10)], "60a"),
        (&[(10, b'a', 30), (10, b'b', 50)], "50b"),
        (&[(10, b'a', 50), (10, b'b', 30)], "50a"),
        (
            &[(10, b'a', 20), (60, b'c', 20), (20, b'b', 50)],
            "20a 40b 10c",
        ),
        // What fills the gap, and reaches beyond it.
        (&[(20, b'a', 40), (10, b'b', 20)], "20b 30a"),
    ] {
        for &(at, letter, length) in segments {
            let mut piece = next.clone();
            piece.header.sequence = base.wrapping_add(at);
            piece.payload = Payload::from(vec![letter; length]);
            lab.inject(&piece);
        }
        let mut filler = next.clone();
        filler.header.sequence = base;
        filler.payload = Payload::from(vec![b'_'; 10]);
        lab.inject(&filler);
        let words = expected.split(' ');
        let pieces = words.map(|word| {
            let (count, letter) = word.split_at(word.len() - 1);
            letter.repeat(count.parse().unwrap_or(0))
        });
        let expected = "_".repeat(10) + &pieces.collect::<String>();
        let read = lab.receive_all(&socket, expected.len())?;
        same(
            "read",
            &String::from_utf8_lossy(&read).into_owned(),
            &expected,
        )?;
        base = base.wrapping_add(u32::try_from(expected.len()).unwrap_or(0));
    }
    Ok(())
}
