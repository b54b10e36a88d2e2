//! Without SACK each duplicate acknowledgment stands for a packet that has arrived (`sacked_out` of Reno).
use super::Flight;

impl Flight {
    /// Without SACK each duplicate acknowledgment stands for one packet that has left the network (RFC 6582). True if there
    /// can't be so many, so that the network must have changed the order (`tcp_limit_reno_sacked`).
    pub(crate) fn count_duplicate(&mut self) -> bool {
        if self.records.is_empty() {
            return false;
        }
        self.board().sacked += 1;
        self.limit_duplicates()
    }

    /// No more duplicates than what is not lost can have made.
    pub(in crate::send) fn limit_duplicates(&mut self) -> bool {
        let out = self.out;
        let Some(board) = &mut self.board else {
            return false;
        };
        let most = out.saturating_sub(board.lost.max(1));
        let too_many = board.sacked > most;
        board.sacked = board.sacked.min(most);
        too_many
    }

    /// An acknowledgment without SACK that covered `acked` packets: all but one of them had been counted as duplicates. True
    /// if there were too many of those.
    pub(crate) fn uncount_duplicates(&mut self, acked: u32) -> bool {
        let Some(board) = &mut self.board else {
            return false;
        };
        board.sacked = board.sacked.saturating_sub(acked.saturating_sub(1));
        self.limit_duplicates()
    }

    pub(crate) fn forget_duplicates(&mut self) {
        if let Some(board) = &mut self.board {
            board.sacked = 0;
        }
    }
}
