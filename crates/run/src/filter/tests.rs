//! The filter, run by a small interpreter of the instructions it is made of.

use super::*;

const ALLOW: u32 = 0x7fff_0000;
const NOTIFY: u32 = 0x7fc0_0000;

fn failing(value: i32) -> u32 {
    0x0005_0000 | value.unsigned_abs()
}

/// What the kernel's interpreter would answer.
fn verdict(program: &[Instruction], architecture: u32, call: u32, arguments: [u64; 6]) -> u32 {
    let mut data = Vec::new();
    data.extend_from_slice(&call.to_ne_bytes());
    data.extend_from_slice(&architecture.to_ne_bytes());
    data.extend_from_slice(&0_u64.to_ne_bytes());
    for argument in arguments {
        data.extend_from_slice(&argument.to_ne_bytes());
    }
    let (mut at, mut accumulator) = (0, 0_u32);
    loop {
        let step = program[at];
        at += 1;
        let taken = match step.code {
            0x20 => {
                let offset = step.constant as usize;
                accumulator = u32::from_ne_bytes(data[offset..offset + 4].try_into().unwrap());
                continue;
            }
            0x06 => return step.constant,
            0x15 => accumulator == step.constant,
            0x35 => accumulator >= step.constant,
            0x45 => accumulator & step.constant != 0,
            other => panic!("unknown instruction {other:#x}"),
        };
        at += usize::from(if taken {
            step.jump_true
        } else {
            step.jump_false
        });
    }
}

fn ask(call: libc::c_long, arguments: [u64; 6]) -> u32 {
    verdict(
        &instructions(Kind {
            reaches_undumpable: true,
        }),
        ARCHITECTURE,
        number(call),
        arguments,
    )
}

#[test]
fn data_calls_are_native_unless_they_carry_an_address() {
    assert_eq!(ask(libc::SYS_read, [3, 0x1000, 10, 0, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_recvfrom, [3, 0x1000, 10, 0, 0, 0]), ALLOW);
    assert_eq!(
        ask(libc::SYS_recvfrom, [3, 0x1000, 10, 0, 0x10, 0x20]),
        NOTIFY
    );
    assert_eq!(
        ask(libc::SYS_recvfrom, [3, 0x1000, 10, 0, 0x10_0000_0000, 0x20]),
        NOTIFY
    );
    assert_eq!(
        ask(libc::SYS_recvfrom, [3, 0x1000, 10, 0x2000, 0, 0]),
        NOTIFY
    );
    assert_eq!(ask(libc::SYS_sendto, [3, 0x1000, 10, 0, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_sendto, [3, 0x1000, 0, 0, 0, 0]), NOTIFY);
    assert_eq!(
        ask(libc::SYS_sendto, [3, 0x1000, 10, 0x400_0000, 0, 0]),
        NOTIFY
    );
    assert_eq!(ask(libc::SYS_sendto, [3, 0x1000, 10, 0x4000, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_recvfrom, [3, 0x1000, 0, 0, 0, 0]), ALLOW);
    assert_eq!(
        ask(libc::SYS_sendto, [3, 0x1000, 10, 0, 0x7fff_0000_0000, 16]),
        NOTIFY
    );
}

#[test]
fn control_calls_are_trapped() {
    for call in TRAPPED {
        assert_eq!(ask(call, [3, 0, 0, 0, 0, 0]), NOTIFY, "{call}");
    }
}

#[test]
fn only_socket_ioctls_are_trapped() {
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x5401, 0, 0, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x541b, 0, 0, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x5411, 0, 0, 0, 0]), NOTIFY);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x8905, 0, 0, 0, 0]), NOTIFY);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x8912, 0, 0, 0, 0]), NOTIFY);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x8a00, 0, 0, 0, 0]), ALLOW);
    assert_eq!(ask(libc::SYS_ioctl, [0, 0x8004_8901, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn sockets_of_unserved_domains_do_not_exist() {
    let socket = |domain: i32| {
        ask(
            libc::SYS_socket,
            [domain.unsigned_abs().into(), 1, 0, 0, 0, 0],
        )
    };
    assert_eq!(socket(libc::AF_UNIX), ALLOW);
    assert_eq!(socket(libc::AF_INET), NOTIFY);
    assert_eq!(socket(libc::AF_INET6), NOTIFY);
    assert_eq!(socket(libc::AF_NETLINK), NOTIFY);
    assert_eq!(socket(libc::AF_VSOCK), failing(libc::EAFNOSUPPORT));
    assert_eq!(socket(libc::AF_BLUETOOTH), failing(libc::EAFNOSUPPORT));
}

#[test]
fn ways_round_the_filter_are_refused() {
    let program = instructions(Kind {
        reaches_undumpable: true,
    });
    assert_eq!(
        ask(libc::SYS_io_uring_setup, [8, 0, 0, 0, 0, 0]),
        failing(libc::ENOSYS)
    );
    assert_eq!(
        verdict(&program, 0x4000_0003, 102, [0; 6]),
        failing(libc::ENOSYS),
        "i386"
    );
    if cfg!(target_arch = "x86_64") {
        assert_eq!(
            verdict(&program, ARCHITECTURE, 0x4000_0000 + 41, [0; 6]),
            failing(libc::ENOSYS),
            "x32"
        );
    }
}

#[test]
fn an_unprivileged_supervisor_keeps_its_reach() {
    let dumpable = |value: u64, reaches| {
        let program = instructions(Kind {
            reaches_undumpable: reaches,
        });
        let arguments = [
            u64::from(libc::PR_SET_DUMPABLE.unsigned_abs()),
            value,
            0,
            0,
            0,
            0,
        ];
        verdict(&program, ARCHITECTURE, number(libc::SYS_prctl), arguments)
    };
    assert_eq!(dumpable(0, false), failing(0));
    assert_eq!(dumpable(1, false), ALLOW);
    assert_eq!(dumpable(0, true), ALLOW);
    let program = instructions(Kind {
        reaches_undumpable: false,
    });
    assert_eq!(
        verdict(
            &program,
            ARCHITECTURE,
            number(libc::SYS_prctl),
            [38, 1, 0, 0, 0, 0]
        ),
        ALLOW
    );
}
