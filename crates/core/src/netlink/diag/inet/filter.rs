//! The byte code of `INET_DIAG_REQ_BYTECODE`, in which `ss` says which sockets it wants.
//!
//! Each instruction says how many bytes to go on when its condition holds and when it does not. Only forward, and only to
//! other instructions, so that a run ends: whoever reaches exactly the end is let through.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{AF_INET, AF_INET6, AF_UNSPEC};
use crate::Errno;
use crate::netlink::message::number_u32;

/// `sizeof(struct inet_diag_bc_op)`
const SIZE: usize = 4;

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) family: u8,
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    /// As in `struct inet_diag_sockid`: an address of IPv4 in the first four bytes.
    pub(super) source: [u8; 16],
    pub(super) destination: [u8; 16],
    pub(super) interface: u32,
    pub(super) mark: u32,
    /// The port was given to `bind` (`SOCK_BINDPORT_LOCK`).
    pub(super) is_port_bound: bool,
}

/// Which of the two ends a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

/// `INET_DIAG_BC_*`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Nothing,
    Jump,
    AtLeast(End),
    AtMost(End),
    Equals(End),
    /// The port was chosen, not given.
    Automatic,
    Host(End),
    Device,
    Mark,
}

impl Operation {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Nothing,
            1 => Self::Jump,
            2 => Self::AtLeast(End::Source),
            3 => Self::AtMost(End::Source),
            4 => Self::AtLeast(End::Destination),
            5 => Self::AtMost(End::Destination),
            6 => Self::Automatic,
            7 => Self::Host(End::Source),
            8 => Self::Host(End::Destination),
            9 => Self::Device,
            10 => Self::Mark,
            11 => Self::Equals(End::Source),
            12 => Self::Equals(End::Destination),
            // 13 is a control group's, of which there are none.
            _ => return None,
        })
    }
}

/// One instruction, and what of the code follows it.
#[derive(Clone, Copy, Debug)]
struct Instruction<'a> {
    operation: Operation,
    /// How far to go if the condition holds, and if it does not.
    yes: usize,
    no: usize,
    operand: &'a [u8],
}

fn instruction(code: &[u8], at: usize) -> Option<Instruction<'_>> {
    let [number, yes, low, high, operand @ ..] = code.get(at..)? else {
        return None;
    };
    Some(Instruction {
        operation: Operation::from_number(*number)?,
        yes: (*yes).into(),
        no: u16::from_ne_bytes([*low, *high]).into(),
        operand,
    })
}

/// The number an instruction of a port compares with: the `no` of the instruction behind it.
fn port(operand: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(operand.get(2..4)?.try_into().ok()?))
}

/// `struct inet_diag_hostcond`
#[derive(Clone, Copy, Debug)]
struct HostCondition<'a> {
    family: u8,
    prefix: usize,
    /// -1 for any.
    port: i32,
    address: &'a [u8],
}

impl<'a> HostCondition<'a> {
    const SIZE: usize = 8;

    /// `valid_hostcond`
    fn read(operand: &'a [u8]) -> Option<Self> {
        let [family, prefix, ..] = *operand else {
            return None;
        };
        let length = match family {
            AF_UNSPEC => 0,
            AF_INET => 4,
            AF_INET6 => 16,
            _ => return None,
        };
        let prefix = usize::from(prefix);
        let port = number_u32(operand, 4)?.cast_signed();
        let address = operand.get(Self::SIZE..Self::SIZE + length)?;
        (prefix <= 8 * length).then_some(Self {
            family,
            prefix,
            port,
            address,
        })
    }

    fn holds(&self, family: u8, address: &[u8; 16], port: u16) -> bool {
        if self.port != -1 && self.port != i32::from(port) {
            return false;
        }
        let address = match (self.family, family) {
            (AF_UNSPEC, _) => return true,
            (wanted, own) if wanted == own => address.as_slice(),
            (AF_INET, AF_INET6) => {
                let Some((&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], mapped)) =
                    address.split_first_chunk()
                else {
                    return false;
                };
                mapped
            }
            _ => return false,
        };
        has_prefix(address, self.address, self.prefix)
    }
}

/// `bitstring_match`
fn has_prefix(address: &[u8], wanted: &[u8], bits: usize) -> bool {
    let (bytes, rest) = (bits / 8, bits % 8);
    if address.get(..bytes) != wanted.get(..bytes) {
        return false;
    }
    let mask = !(u8::MAX >> rest);
    match (address.get(bytes), wanted.get(bytes)) {
        (Some(address), Some(wanted)) => (address ^ wanted) & mask == 0,
        _ => rest == 0,
    }
}

/// A filter that was found to be sound.
#[derive(Debug)]
pub(super) struct Filter(Box<[u8]>);

impl Filter {
    /// `inet_diag_bc_audit`. Marks are for the privileged.
    pub(super) fn new(code: &[u8], is_privileged: bool) -> Result<Self, Errno> {
        // Where instructions begin on the way on which all conditions hold, which leads over every one of them.
        let mut starts = Vec::new();
        let mut targets = Vec::new();
        let mut at = 0;
        if code.is_empty() {
            return Err(Errno::EINVAL);
        }
        while at < code.len() {
            let left = code.len() - at;
            let found = instruction(code, at).ok_or(Errno::EINVAL)?;
            if found.operation == Operation::Mark && !is_privileged {
                return Err(Errno::EPERM);
            }
            let least = SIZE + operand_length(&found).ok_or(Errno::EINVAL)?;
            let is_step =
                |step: usize| (least..=left + SIZE).contains(&step) && step.is_multiple_of(SIZE);
            if found.operation != Operation::Nothing {
                if !is_step(found.no) {
                    return Err(Errno::EINVAL);
                }
                if found.no < left {
                    targets.push(at + found.no);
                }
            }
            if !is_step(found.yes) {
                return Err(Errno::EINVAL);
            }
            starts.push(at);
            at += found.yes;
        }
        // `valid_cc`: no jump leads into an instruction.
        let are_sound = targets
            .iter()
            .all(|target| starts.binary_search(target).is_ok());
        if at != code.len() || !are_sound {
            return Err(Errno::EINVAL);
        }
        Ok(Self(code.into()))
    }

    /// How many instructions a run has at most.
    pub(super) fn longest(&self) -> usize {
        self.0.len() / SIZE
    }

    /// `inet_diag_bc_run`
    pub(super) fn accepts(&self, entry: &Entry) -> bool {
        let mut at = 0;
        while at < self.0.len() {
            let Some(next) = instruction(&self.0, at) else {
                return false;
            };
            at += if holds(&next, entry) {
                next.yes
            } else {
                next.no
            };
        }
        at == self.0.len()
    }
}

/// How long an instruction's operand is; `None` if it is not there or makes no sense.
fn operand_length(found: &Instruction<'_>) -> Option<usize> {
    let length = match found.operation {
        Operation::Nothing | Operation::Jump | Operation::Automatic => 0,
        Operation::AtLeast(_) | Operation::AtMost(_) | Operation::Equals(_) => SIZE,
        Operation::Device => 4,
        Operation::Mark => 8,
        Operation::Host(_) => {
            let condition = HostCondition::read(found.operand)?;
            HostCondition::SIZE + condition.address.len()
        }
    };
    (found.operand.len() >= length).then_some(length)
}

fn holds(found: &Instruction<'_>, entry: &Entry) -> bool {
    let own = |end| match end {
        End::Source => entry.source_port,
        End::Destination => entry.destination_port,
    };
    let wanted = port(found.operand);
    match found.operation {
        Operation::Nothing => true,
        Operation::Jump => false,
        Operation::AtLeast(end) => wanted.is_some_and(|wanted| own(end) >= wanted),
        Operation::AtMost(end) => wanted.is_some_and(|wanted| own(end) <= wanted),
        Operation::Equals(end) => wanted == Some(own(end)),
        Operation::Automatic => !entry.is_port_bound,
        Operation::Host(end) => HostCondition::read(found.operand).is_some_and(|condition| {
            let address = match end {
                End::Source => &entry.source,
                End::Destination => &entry.destination,
            };
            condition.holds(entry.family, address, own(end))
        }),
        Operation::Device => number_u32(found.operand, 0) == Some(entry.interface),
        Operation::Mark => {
            let mark = number_u32(found.operand, 0);
            let mask = number_u32(found.operand, 4).unwrap_or(0);
            mark == Some(entry.mark & mask)
        }
    }
}
