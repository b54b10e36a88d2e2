//! What TCP knows about a connection, in the words and the order of `ss -i` (`tcp_stats_print` of iproute2).

use std::fmt::Display;
use std::time::Duration;

use sockeye_tcp::{BbrInfo, Info, State};

/// `TCP_INFINITE_SSTHRESH` and other large ones mean that there is none.
const LEAST_UNSAID_THRESHOLD: u32 = 0xffff;
/// The `reordering` that every connection begins with.
const USUAL_REORDERING: u32 = 3;

/// The words of one line.
#[derive(Debug, Default)]
struct Words(Vec<String>);

impl Words {
    fn word(&mut self, word: impl Into<String>) {
        self.0.push(word.into());
    }

    fn flag(&mut self, name: &str, is_on: bool) {
        if is_on {
            self.word(name);
        }
    }

    /// `name:value`
    fn value(&mut self, name: &str, value: impl Display) {
        self.word(format!("{name}:{value}"));
    }

    /// The same for a number that is said unless it is 0.
    fn number(&mut self, name: &str, value: impl Into<u64>) {
        let value = value.into();
        if value != 0 {
            self.value(name, value);
        }
    }

    /// `name RATEbps`, in bits a second, unless it is 0.
    fn rate(&mut self, name: &str, bits: f64) {
        if bits > 0.0 {
            self.word(format!("{name} {bits:.0}bps"));
        }
    }

    /// Time of which a part was spent in some way, with what part that is.
    fn part(&mut self, name: &str, part: Duration, whole: Duration) {
        if !part.is_zero() {
            let percent = 100.0 * part.as_secs_f64() / whole.as_secs_f64();
            self.value(name, format_args!("{}ms({percent:.1}%)", part.as_millis()));
        }
    }
}

/// Milliseconds as C's `%g` writes them: six digits that mean something.
fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    let before_the_point = (0..6)
        .take_while(|power| millis >= 10_f64.powi(*power))
        .count();
    let decimals = if millis >= 1.0 {
        6_usize.saturating_sub(before_the_point)
    } else {
        6
    };
    let text = format!("{millis:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// In bits.
#[allow(clippy::cast_precision_loss, reason = "it is written for people")]
fn bits(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}

/// The words of `ss -i`. Of a connection whose data travels elsewhere only its path is known.
pub(crate) fn info(info: &Info, is_joined: bool) -> Vec<String> {
    let mut words = Words::default();
    if is_joined {
        words.word("joined");
        sizes(&mut words, info);
        return words.0;
    }
    words.flag("ts", info.timestamps);
    words.flag("sack", info.sack);
    words.flag("ecn", info.ecn);
    words.flag("ecnseen", info.ecn_seen);
    words.word(info.congestion);
    if info.state == State::Listen {
        words.number("cwnd", info.snd_cwnd);
        return words.0;
    }
    if let Some((theirs, ours)) = info.window_scale {
        words.value("wscale", format_args!("{theirs},{ours}"));
    }
    words.value("rto", millis(info.rto));
    words.number("backoff", info.backoff);
    if !info.rtt.is_zero() {
        let (mean, deviation) = (millis(info.rtt), millis(info.rttvar));
        words.value("rtt", format_args!("{mean}/{deviation}"));
    }
    if !info.ato.is_zero() {
        words.value("ato", millis(info.ato));
    }
    sizes(&mut words, info);
    words.number("cwnd", info.snd_cwnd);
    if info.snd_ssthresh < LEAST_UNSAID_THRESHOLD {
        words.number("ssthresh", info.snd_ssthresh);
    }
    counts(&mut words, info);
    rates(&mut words, info);
    losses(&mut words, info);
    receiving(&mut words, info);
    words.0
}

fn sizes(words: &mut Words, info: &Info) {
    words.number("mss", info.snd_mss);
    words.number("pmtu", info.pmtu);
    words.number("rcvmss", info.rcv_mss);
    words.number("advmss", info.advmss);
}

fn counts(words: &mut Words, info: &Info) {
    words.number("bytes_sent", info.bytes_sent);
    words.number("bytes_retrans", info.bytes_retrans);
    words.number("bytes_acked", info.bytes_acked);
    words.number("bytes_received", info.bytes_received);
    words.number("segs_out", info.segs_out);
    words.number("segs_in", info.segs_in);
    words.number("data_segs_out", info.data_segs_out);
    words.number("data_segs_in", info.data_segs_in);
}

/// What BBR knows of the path; its gains are in 1/256.
fn bbr(words: &mut Words, info: &BbrInfo) {
    let gain = |gain: u32| {
        let digits = format!("{:.5}", f64::from(gain) / 256.0);
        digits
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned()
    };
    words.word(format!(
        "bbr:(bw:{:.0}bps,mrtt:{},pacing_gain:{},cwnd_gain:{})",
        bits(info.bw),
        millis(Duration::from_micros(info.min_rtt.into())),
        gain(info.pacing_gain),
        gain(info.cwnd_gain)
    ));
}

/// How fast it may be, is, and how long ago there was anything.
fn rates(words: &mut Words, info: &Info) {
    if let Some(info) = &info.bbr {
        bbr(words, info);
    }
    let seconds = info.rtt.as_secs_f64();
    if seconds > 0.0 {
        let window = u64::from(info.snd_cwnd) * u64::from(info.snd_mss);
        words.rate("send", bits(window) / seconds);
    }
    let ago = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    words.number("lastsnd", ago(info.last_data_sent));
    words.number("lastrcv", ago(info.last_data_recv));
    words.number("lastack", ago(info.last_ack_recv));
    if info.pacing_rate != u64::MAX && info.pacing_rate != 0 {
        let rate = bits(info.pacing_rate);
        let most = info.max_pacing_rate;
        words.word(if most == u64::MAX || most == 0 {
            format!("pacing_rate {rate:.0}bps")
        } else {
            format!("pacing_rate {rate:.0}bps/{:.0}bps", bits(most))
        });
    }
    words.rate("delivery_rate", bits(info.delivery_rate));
    words.number("delivered", info.delivered);
    words.number("delivered_ce", info.delivered_ce);
    words.flag("app_limited", info.is_app_limited);
    if !info.busy_time.is_zero() {
        words.value("busy", format_args!("{}ms", info.busy_time.as_millis()));
        words.part("rwnd_limited", info.rwnd_limited, info.busy_time);
        words.part("sndbuf_limited", info.sndbuf_limited, info.busy_time);
    }
}

fn losses(words: &mut Words, info: &Info) {
    words.number("unacked", info.unacked);
    if info.retrans > 0 || info.total_retrans > 0 {
        words.value(
            "retrans",
            format_args!("{}/{}", info.retrans, info.total_retrans),
        );
    }
    words.number("lost", info.lost);
    words.number("sacked", info.sacked);
    words.number("dsack_dups", info.dsack_dups);
    if info.reordering != USUAL_REORDERING {
        words.number("reordering", info.reordering);
    }
}

fn receiving(words: &mut Words, info: &Info) {
    if !info.rcv_rtt.is_zero() {
        words.value("rcv_rtt", millis(info.rcv_rtt));
    }
    words.number("rcv_space", info.rcv_space);
    words.number("rcv_ssthresh", info.rcv_ssthresh);
    words.number("notsent", info.notsent_bytes);
    if info.min_rtt != Info::MIN_RTT_UNKNOWN && !info.min_rtt.is_zero() {
        words.value("minrtt", millis(info.min_rtt));
    }
    words.number("rcv_ooopack", info.rcv_ooopack);
    words.number("snd_wnd", info.snd_wnd);
}

/// The word of `ss -o`: which timer, the time left, and how often what it is for was tried (`tcp_timer_print`).
pub(crate) fn timer(name: &str, left: Duration, info: Option<&Info>) -> String {
    let tries = info.map_or(0, |info| info.retransmits.max(info.probes));
    format!("timer:({name},{},{tries})", coarse(left))
}

/// As `print_ms_timer`: the longer, the coarser.
fn coarse(time: Duration) -> String {
    let (minutes, seconds) = (time.as_secs() / 60, time.as_secs() % 60);
    let millis = time.subsec_millis();
    let mut text = String::new();
    if minutes > 0 {
        text = format!("{minutes}min");
    }
    let has_seconds = seconds > 0 && minutes <= 9;
    let has_millis = millis > 0 && minutes == 0 && (!has_seconds || seconds <= 9);
    if has_seconds {
        text += &format!("{seconds}{}", if has_millis { "." } else { "sec" });
    }
    if has_millis {
        text += &format!("{millis:03}ms");
    }
    text
}

#[cfg(test)]
mod tests;
