//! `RTM_GETRULE`: which table is asked first. The order is fixed: own addresses, then routes.

use alloc::vec::Vec;

use super::{
    AF_INET, AF_INET6, Head, PROTOCOL_KERNEL, RTM_NEWRULE, TABLE_LOCAL, TABLE_MAIN, is_asked,
};

const FRA_PRIORITY: u16 = 6;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_PROTOCOL: u16 = 21;
/// `FR_ACT_TO_TBL`.
const TO_TABLE: u8 = 1;
/// `RT_TABLE_DEFAULT`, which is empty.
const TABLE_DEFAULT: u8 = 253;

/// The rules of each family (`fib_default_rules_init`, `fib6_rules_net_init`).
pub(super) fn all(family: u8, head: Head) -> impl Iterator<Item = Vec<u8>> {
    let rules = [
        (AF_INET, TABLE_LOCAL, 0),
        (AF_INET, TABLE_MAIN, 32_766),
        (AF_INET, TABLE_DEFAULT, 32_767),
        (AF_INET6, TABLE_LOCAL, 0),
        (AF_INET6, TABLE_MAIN, 32_766),
    ];
    rules
        .into_iter()
        .filter(move |(own, ..)| is_asked(family, *own))
        .map(move |(own, table, priority)| {
            let mut message = head.begin(RTM_NEWRULE);
            message
                .fixed(&[own, 0, 0, 0, table, 0, 0, TO_TABLE])
                .fixed(&[0; 4])
                .u32(FRA_TABLE, table.into())
                .u32(FRA_SUPPRESS_PREFIXLEN, u32::MAX)
                .u8(FRA_PROTOCOL, PROTOCOL_KERNEL);
            if priority != 0 {
                message.u32(FRA_PRIORITY, priority);
            }
            message.finish()
        })
}
