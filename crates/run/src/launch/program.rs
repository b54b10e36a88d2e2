//! The program's process between fork and exec.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use super::Launched;
use crate::filter::{self, Kind};
use crate::sys::{self, SignalMask};

/// Forks the program. It waits before its exec until the supervisor is ready for its calls.
pub(crate) fn launch(command: &[OsString], mask: &SignalMask) -> io::Result<Launched> {
    let words: Vec<CString> = command
        .iter()
        .map(|word| CString::new(word.as_bytes()))
        .collect::<Result<_, _>>()
        .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let (root, _) = sys::own_ids();
    let instructions = filter::instructions(Kind {
        reaches_undumpable: root == 0,
    });
    let (listener_number, announce) = sys::pipe()?;
    let (wait, go) = sys::pipe()?;
    let (outcome, report) = sys::pipe()?;

    // SAFETY: this process has one thread, so the child may do anything.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        drop((listener_number, go, outcome));
        let error = execute(&words, mask, &instructions, announce, wait);
        let _gone = sys::write(report.as_fd(), &sys::errno_of(&error).to_ne_bytes());
        // SAFETY: ends the child at once, without running the parent's exit handlers.
        unsafe { libc::_exit(super::FAILED) };
    }
    drop((announce, wait, report));

    // The number of the listener in the child, or a negated errno. The listener is fetched rather than sent: sendmsg is
    // trapped by the very filter it belongs to.
    let mut number = [0; 4];
    let number = match sys::read(listener_number.as_fd(), &mut number)? {
        4 => i32::from_ne_bytes(number),
        _ => -libc::ECHILD,
    };
    if number < 0 {
        return Err(io::Error::from_raw_os_error(-number));
    }
    let child = sys::pidfd_open(pid, 0)?;
    let listener = sys::pidfd_getfd(child.as_fd(), number)?;
    Ok(Launched {
        pid,
        listener,
        outcome,
        go,
    })
}

/// Runs in the child: puts back what the supervisor changed, installs the filter, waits, and executes the program.
fn execute(
    words: &[CString],
    mask: &SignalMask,
    instructions: &[sys::Instruction],
    announce: OwnedFd,
    wait: OwnedFd,
) -> io::Error {
    // Rust's runtime ignores SIGPIPE, and ignored signals survive exec.
    sys::ignore_signal(libc::SIGPIPE, false);
    sys::restore_signals(mask);
    let answer = fence().and_then(|()| install(instructions));
    let number = match &answer {
        Ok(listener) => listener.as_raw_fd(),
        Err(error) => -sys::errno_of(error),
    };
    if let Err(error) = sys::write(announce.as_fd(), &number.to_ne_bytes()) {
        return error;
    }
    if let Err(error) = answer {
        return error;
    }
    let mut byte = [0];
    match sys::read(wait.as_fd(), &mut byte) {
        Ok(1) => {}
        // The supervisor is gone: without it the program would have no network.
        _ => return io::Error::from_raw_os_error(libc::ECHILD),
    }
    super::streams::close_again();
    let mut pointers: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
    pointers.push(std::ptr::null());
    let Some(path) = pointers.first() else {
        return io::Error::from_raw_os_error(libc::EINVAL);
    };
    // SAFETY: the strings and the terminated list of pointers live until exec, which returns only on failure.
    unsafe { libc::execvp(*path, pointers.as_ptr()) };
    io::Error::last_os_error()
}

/// The kernel itself keeps the program from the machine's abstract names, if it can: calls are translated either way, but
/// one whose address changes between our look and the kernel's would slip through.
fn fence() -> io::Result<()> {
    if !sys::can_fence_names() {
        return Ok(());
    }
    match sys::fence_names() {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            sys::set_no_new_privileges()?;
            sys::fence_names()
        }
        answer => answer,
    }
}

/// Root may install a filter as it is, so that setuid children keep working; everybody else gives up that right.
fn install(instructions: &[sys::Instruction]) -> io::Result<OwnedFd> {
    let (user, _) = sys::own_ids();
    if user == 0 {
        match sys::install_filter(instructions) {
            // A root without CAP_SYS_ADMIN is as everybody else.
            Err(error) if error.raw_os_error() == Some(libc::EACCES) => {}
            answer => return answer,
        }
    }
    sys::set_no_new_privileges()?;
    sys::install_filter(instructions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_a_zero_byte_is_refused() {
        let mask = sys::block_signals(&[]);
        let command = [OsString::from("a\0b")];
        let error = launch(&command, &mask).expect_err("no such command can exist");
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    }
}
