//! `SO_BINDTODEVICE` and `SO_BINDTOIFINDEX`: the interface a socket is bound to.

use super::{ALL, Entry, L, int};
use crate::Errno;
use crate::ids::InterfaceId;
use crate::options::OptionValue;
use crate::options::table::{Access, Target, Value};

pub(super) const BY_NAME: Entry = Entry::new(
    L,
    25,
    "SO_BINDTODEVICE",
    ALL,
    Access::Bytes(device_name, set_device_name),
)
.typed(Value::Text);
pub(super) const BY_INDEX: Entry = int(62, "SO_BINDTOIFINDEX", device_index, set_device_index);

/// `IFNAMSIZ`
const LONGEST_NAME: usize = 16;

fn device_name(t: &mut Target<'_>, length: usize) -> Result<OptionValue, Errno> {
    let Some(device) = t.socket()?.options.device else {
        return Ok(OptionValue::new());
    };
    if length < LONGEST_NAME {
        return Err(Errno::EINVAL);
    }
    let interface = t.host.stack.interface(device).ok_or(Errno::ENODEV)?;
    let mut value = OptionValue::from_slice(interface.name.as_bytes());
    value.push(0);
    Ok(value)
}

fn set_device_name(t: &mut Target<'_>, value: &[u8]) -> Result<(), Errno> {
    let name = value
        .get(..value.len().min(LONGEST_NAME - 1))
        .unwrap_or(value);
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    let device = if name.is_empty() {
        None
    } else {
        let name = core::str::from_utf8(name).map_err(|_| Errno::ENODEV)?;
        Some(t.host.interface_by_name(name).ok_or(Errno::ENODEV)?)
    };
    bind_to(t, device)
}

fn device_index(t: &mut Target<'_>) -> Result<i32, Errno> {
    Ok(t.socket()?
        .options
        .device
        .map_or(0, |device| device.ifindex().cast_signed()))
}

fn set_device_index(t: &mut Target<'_>, value: i32) -> Result<(), Errno> {
    let index = u32::try_from(value).map_err(|_| Errno::EINVAL)?;
    // `sock_bindtoindex` takes the number of an interface that is not there, too: it finds no routes then.
    let device = (index != 0).then(|| InterfaceId::from_ifindex(index));
    bind_to(t, device)
}

/// Changing a binding asks for CAP_NET_RAW.
fn bind_to(t: &mut Target<'_>, device: Option<InterfaceId>) -> Result<(), Errno> {
    if t.socket()?.options.device.is_some() && !t.is_privileged() {
        return Err(Errno::EPERM);
    }
    t.socket_mut()?.options.device = device;
    Ok(())
}
