//! `SO_LINGER`: what closing waits for.

use super::{ALL, Entry, L};
use crate::Errno;
use crate::options::table::{Access, Target, Value, bytes};
use crate::options::{OptionValue, Switches};

pub(super) const LINGER: Entry =
    Entry::new(L, 13, "SO_LINGER", ALL, Access::Bytes(linger, set_linger)).typed(Value::Linger);

fn linger(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let options = &t.socket()?.options;
    let (is_on, seconds) = (options.linger().is_some(), options.linger);
    let mut value = [0; 8];
    value[..4].copy_from_slice(&i32::from(is_on).to_ne_bytes());
    value[4..].copy_from_slice(&seconds.to_ne_bytes());
    Ok(bytes(&value, length))
}

fn set_linger(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let value: &[u8; 8] = value.first_chunk().ok_or(Errno::EINVAL)?;
    let [a, b, c, d, e, f, g, h] = *value;
    let is_on = [a, b, c, d] != [0; 4];
    let seconds = u32::from_ne_bytes([e, f, g, h]);
    let options = &mut t.socket_mut()?.options;
    options.switches.set(Switches::LINGER, is_on);
    if is_on {
        options.linger = seconds;
    }
    Ok(())
}
