//! Proportional Rate Reduction (RFC 6937, as RFC 9937 has it and Linux does it): during fast recovery the sender goes down
//! to the threshold in proportion to what is delivered, instead of falling silent until half a window has left the network.

/// A fast recovery under way.
#[derive(Debug)]
pub(crate) struct Reduction {
    /// The window before it (RecoverFS).
    prior: u32,
    /// Packets delivered, and sent, since it began (`prr_delivered`, `prr_out`).
    delivered: u32,
    out: u32,
}

impl Reduction {
    pub(crate) fn new(prior: u32) -> Reduction {
        Reduction {
            prior: prior.max(1),
            delivered: 0,
            out: 0,
        }
    }

    /// Packets were sent, for the first time or again.
    pub(crate) fn sent(&mut self, packets: u32) {
        self.out = self.out.saturating_add(packets);
    }

    /// An acknowledgment says that packets were delivered: how many may be sent now. `is_good` if it moved SND.UNA and told
    /// of no further loss.
    pub(crate) fn delivered(
        &mut self,
        packets: u32,
        threshold: u32,
        pipe: u32,
        is_good: bool,
    ) -> u32 {
        self.delivered = self.delivered.saturating_add(packets);
        let allowed = if pipe > threshold {
            // Proportional: of `prior` packets delivered, `threshold` are replaced.
            let product = u64::from(threshold) * u64::from(self.delivered);
            let replaced = product.div_ceil(u64::from(self.prior));
            u32::try_from(replaced)
                .unwrap_or(u32::MAX)
                .saturating_sub(self.out)
        } else {
            // Below the threshold: one for one (conservative), or as in slow start while all goes well.
            let catch_up = self.delivered.saturating_sub(self.out).max(packets);
            (catch_up + u32::from(is_good)).min(threshold - pipe)
        };
        // The first retransmission goes out whatever the proportion says.
        allowed.max(u32::from(self.out == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    /// What may be sent after each of `count` packets delivered, if it is sent at once.
    fn paced(prior: u32, threshold: u32, lost: u32, count: u32, is_good: bool) -> (Vec<u32>, u32) {
        let mut reduction = Reduction::new(prior);
        let mut pipe = prior - lost;
        let sent = (0..count)
            .map(|_| {
                pipe -= 1;
                let allowed = reduction.delivered(1, threshold, pipe, is_good);
                reduction.sent(allowed);
                pipe += allowed;
                allowed
            })
            .collect();
        (sent, pipe)
    }

    #[test]
    fn half_the_rate_is_every_second_packet() {
        let (sent, pipe) = paced(20, 10, 1, 16, false);
        assert_eq!(sent, [1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
        assert_eq!(pipe, 11);
    }

    #[test]
    fn seventy_percent_is_seven_of_ten() {
        let (sent, pipe) = paced(100, 70, 1, 90, false);
        assert_eq!(sent.iter().sum::<u32>(), 63);
        assert!(sent.iter().all(|count| *count <= 1));
        assert_eq!(pipe, 72);
    }

    #[test]
    fn after_many_losses_the_window_is_filled_again_as_in_slow_start() {
        let (sent, pipe) = paced(100, 50, 80, 40, true);
        assert!(sent[1..20].iter().all(|count| *count == 2), "{sent:?}");
        assert_eq!(pipe, 50);
        // With each acknowledgment telling of more losses it is packet for packet.
        let (sent, pipe) = paced(100, 50, 80, 40, false);
        assert!(sent.iter().all(|count| *count == 1), "{sent:?}");
        assert_eq!(pipe, 20);
    }
}
