//! Rates for people: `ss` without `-n` writes them with `M` and `K` (`sprint_bw` of iproute2).

/// A word with its rates shortened: `send 1234567bps` becomes `send 1.2Mbps`.
pub(crate) fn shortened(word: &str) -> String {
    let Some((name, rates)) = word.split_once(' ') else {
        return word.to_owned();
    };
    let rates: Option<Vec<String>> = rates.split('/').map(short).collect();
    match rates {
        Some(rates) => format!("{name} {}", rates.join("/")),
        None => word.to_owned(),
    }
}

fn short(rate: &str) -> Option<String> {
    let bits: f64 = rate.strip_suffix("bps")?.parse().ok()?;
    Some(if bits > 1_000_000.0 {
        format!("{:.1}Mbps", bits / 1_000_000.0)
    } else if bits > 1000.0 {
        format!("{:.1}Kbps", bits / 1000.0)
    } else {
        rate.to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn large_rates_are_short() {
        assert_eq!(shortened("send 275968000000bps"), "send 275968.0Mbps");
        assert_eq!(
            shortened("pacing_rate 8000bps/500bps"),
            "pacing_rate 8.0Kbps/500bps"
        );
        assert_eq!(shortened("rto:204"), "rto:204");
    }
}
