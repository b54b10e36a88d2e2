//! Which calls of the program come to the supervisor.
//!
//! Control calls on sockets are trapped; data calls run natively unless they carry an address. What would go round the
//! filter is refused: other architectures' call tables, and `io_uring`. Sockets of domains that Sockeye does not serve
//! would be the host's own network, so they are refused too; only `AF_UNIX` stays the kernel's.

pub(crate) mod assembler;
#[cfg(test)]
mod tests;

use assembler::{Action, Assembler, Field};

use crate::sys::Instruction;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: u32 = 0xc000_00f3;

/// Calls that are always trapped: they are about a descriptor, and only the supervisor knows whose it is.
const TRAPPED: [libc::c_long; 14] = [
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
    libc::SYS_sendmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvmmsg,
];

/// The filter depends on who runs the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The supervisor may look into processes that declare themselves undumpable. Without that right such a declaration
    /// would put the program out of reach of its own network, so it is accepted without effect.
    pub(crate) reaches_undumpable: bool,
}

fn number(call: libc::c_long) -> u32 {
    // Call numbers of every architecture are small and positive.
    u32::try_from(call).unwrap_or(u32::MAX)
}

fn errno(value: i32) -> Action {
    Action::Fail(u16::try_from(value).unwrap_or(u16::MAX))
}

/// The filter's instructions.
pub(crate) fn instructions(kind: Kind) -> Vec<Instruction> {
    let mut program = Assembler::default();

    // Another architecture's calls have other numbers: refuse them all.
    let known = program.label();
    program.load(Field::Architecture);
    program.jump_if_equal(ARCHITECTURE, known);
    program.finish_with(errno(libc::ENOSYS));
    program.place(known);
    program.load(Field::Number);
    if cfg!(target_arch = "x86_64") {
        // x32 calls share the architecture and set bit 30.
        let native = program.label();
        program.jump_unless_at_least(0x4000_0000, native);
        program.finish_with(errno(libc::ENOSYS));
        program.place(native);
    }

    // The data calls come first: they are the frequent ones.
    recvfrom(&mut program);
    sendto(&mut program);
    ioctl(&mut program);
    socket(&mut program);
    for call in TRAPPED {
        let next = program.label();
        program.jump_unless_equal(number(call), next);
        program.finish_with(Action::Notify);
        program.place(next);
    }
    let next = program.label();
    program.jump_unless_equal(number(libc::SYS_io_uring_setup), next);
    program.finish_with(errno(libc::ENOSYS));
    program.place(next);
    if !kind.reaches_undumpable {
        undumpable(&mut program);
    }
    program.finish_with(Action::Allow);
    program.assemble().unwrap_or_default()
}

/// `recvfrom`: trapped when the address pointer is given, or a flag asks for what the conduit has not.
fn recvfrom(program: &mut Assembler) {
    let (next, trap) = (program.label(), program.label());
    program.jump_unless_equal(number(libc::SYS_recvfrom), next);
    with_address(program);
    program.load(Field::Low(3));
    program.jump_if_any_bit(libc::MSG_ERRQUEUE.unsigned_abs(), trap);
    program.finish_with(Action::Allow);
    program.place(trap);
    program.finish_with(Action::Notify);
    program.place(next);
}

/// `sendto`: trapped when the address pointer is given, a flag asks for what the conduit has not, or there is nothing to send,
/// which a conduit may refuse where TCP does not.
fn sendto(program: &mut Assembler) {
    let (next, trap) = (program.label(), program.label());
    program.jump_unless_equal(number(libc::SYS_sendto), next);
    with_address(program);
    program.load(Field::Low(2));
    program.jump_if_equal(0, trap);
    program.load(Field::Low(3));
    program.jump_if_any_bit(libc::MSG_ZEROCOPY.unsigned_abs(), trap);
    program.finish_with(Action::Allow);
    program.place(trap);
    program.finish_with(Action::Notify);
    program.place(next);
}

/// Traps a call whose fifth argument, a pointer, is given.
fn with_address(program: &mut Assembler) {
    for half in [Field::Low(4), Field::High(4)] {
        let zero = program.label();
        program.load(half);
        program.jump_if_equal(0, zero);
        program.finish_with(Action::Notify);
        program.place(zero);
    }
}

/// `ioctl`: only the socket commands (0x89xx) and `SIOCOUTQ`.
fn ioctl(program: &mut Assembler) {
    let (next, trap, allow) = (program.label(), program.label(), program.label());
    program.jump_unless_equal(number(libc::SYS_ioctl), next);
    program.load(Field::Low(1));
    program.jump_if_equal(u32::try_from(libc::TIOCOUTQ).unwrap_or(0), trap);
    program.jump_unless_at_least(0x8900, allow);
    let above = program.label();
    program.jump_unless_at_least(0x8a00, above);
    program.place(allow);
    program.finish_with(Action::Allow);
    program.place(above);
    program.place(trap);
    program.finish_with(Action::Notify);
    program.place(next);
}

/// `socket`: `AF_UNIX` is native, the domains we serve are trapped, every other does not exist.
fn socket(program: &mut Assembler) {
    let (next, native) = (program.label(), program.label());
    program.jump_unless_equal(number(libc::SYS_socket), next);
    program.load(Field::Low(0));
    program.jump_if_equal(libc::AF_UNIX.unsigned_abs(), native);
    for domain in [
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
        libc::AF_PACKET,
    ] {
        let other = program.label();
        program.jump_unless_equal(domain.unsigned_abs(), other);
        program.finish_with(Action::Notify);
        program.place(other);
    }
    program.finish_with(errno(libc::EAFNOSUPPORT));
    program.place(native);
    program.finish_with(Action::Allow);
    program.place(next);
}

/// `prctl(PR_SET_DUMPABLE, 0)` answers 0 and leaves the process as it is.
fn undumpable(program: &mut Assembler) {
    let (next, allow) = (program.label(), program.label());
    program.jump_unless_equal(number(libc::SYS_prctl), next);
    program.load(Field::Low(0));
    program.jump_unless_equal(libc::PR_SET_DUMPABLE.unsigned_abs(), allow);
    program.load(Field::Low(1));
    program.jump_unless_equal(0, allow);
    program.finish_with(Action::Fail(0));
    program.place(allow);
    program.finish_with(Action::Allow);
    program.place(next);
}
