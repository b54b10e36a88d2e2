//! The words beside those that iproute2 printed.

use super::*;

fn times(micros: u64) -> Duration {
    Duration::from_micros(micros)
}

/// What the kernel told of a connection, and what `ss -tin` made of it.
#[test]
fn a_line_is_the_one_that_ss_prints() {
    let told = Info {
        timestamps: true,
        sack: true,
        window_scale: Some((10, 10)),
        rto: times(208_000),
        rtt: times(5271),
        rttvar: times(10_502),
        ato: times(40_000),
        snd_mss: 47_616,
        pmtu: 65_535,
        rcv_mss: 3000,
        advmss: 65_483,
        snd_cwnd: 14,
        bytes_sent: 134_518,
        bytes_retrans: 34_518,
        bytes_acked: 100_001,
        bytes_received: 3000,
        segs_out: 7,
        segs_in: 5,
        data_segs_out: 4,
        data_segs_in: 1,
        last_data_sent: times(208_000),
        last_data_recv: times(116_000),
        last_ack_recv: times(116_000),
        pacing_rate: 37_427_564_972,
        delivery_rate: 3_421_427,
        delivered: 5,
        busy_time: times(44_000),
        total_retrans: 1,
        dsack_dups: 1,
        reordering: 6,
        rcv_space: 65_495,
        rcv_ssthresh: 99_406,
        min_rtt: times(21),
        snd_wnd: 95_232,
        ..Info::of_new(Duration::ZERO)
    };
    assert_eq!(
        info(&told, false).join(" "),
        "ts sack cubic wscale:10,10 rto:208 rtt:5.271/10.502 ato:40 mss:47616 pmtu:65535 rcvmss:3000 advmss:65483 cwnd:14 \
         bytes_sent:134518 bytes_retrans:34518 bytes_acked:100001 bytes_received:3000 segs_out:7 segs_in:5 data_segs_out:4 \
         data_segs_in:1 send 1011760956bps lastsnd:208 lastrcv:116 lastack:116 pacing_rate 299420519776bps \
         delivery_rate 27371416bps delivered:5 busy:44ms retrans:0/1 dsack_dups:1 reordering:6 rcv_space:65495 \
         rcv_ssthresh:99406 minrtt:0.021 snd_wnd:95232"
    );
}

#[test]
fn a_listener_has_but_its_algorithm_and_a_first_window() {
    assert_eq!(info(&Info::of_listener(1, 5), false), ["cubic", "cwnd:10"]);
}

#[test]
fn parts_of_the_busy_time_are_told_in_per_cent() {
    let told = Info {
        busy_time: times(200_000),
        rwnd_limited: times(50_000),
        sndbuf_limited: times(1000),
        pacing_rate: 1000,
        max_pacing_rate: 2000,
        ..Info::of_new(Duration::ZERO)
    };
    let line = info(&told, false).join(" ");
    assert!(
        line.contains("busy:200ms rwnd_limited:50ms(25.0%) sndbuf_limited:1ms(0.5%)"),
        "{line}"
    );
    assert!(line.contains("pacing_rate 8000bps/16000bps"), "{line}");
}

#[test]
fn times_have_six_digits_at_most() {
    let shown = |micros| millis(times(micros));
    assert_eq!(
        [
            shown(28),
            shown(1500),
            shown(201_000),
            shown(123_456),
            shown(1_234_567)
        ],
        ["0.028", "1.5", "201", "123.456", "1234.57"]
    );
}

#[test]
fn a_timer_is_told_the_coarser_the_longer_it_runs() {
    let shown = |millis| timer("keepalive", Duration::from_millis(millis), None);
    assert_eq!(shown(200), "timer:(keepalive,200ms,0)");
    assert_eq!(shown(4500), "timer:(keepalive,4.500ms,0)");
    assert_eq!(shown(24_300), "timer:(keepalive,24sec,0)");
    assert_eq!(shown(113_000), "timer:(keepalive,1min53sec,0)");
    assert_eq!(shown(7_140_000), "timer:(keepalive,119min,0)");
}

#[test]
fn bbr_tells_of_the_path() {
    let mut words = Words::default();
    let info = BbrInfo {
        bw: 1_186_250,
        min_rtt: 20_250,
        pacing_gain: 710,
        cwnd_gain: 512,
    };
    bbr(&mut words, &info);
    assert_eq!(
        words.0,
        ["bbr:(bw:9490000bps,mrtt:20.25,pacing_gain:2.77344,cwnd_gain:2)"]
    );
}
