//! The process the user started.

use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{FAILED, FORWARDED, Options};
use crate::sys::{self, Ended, Epoll, SignalFile, SignalMask};

/// Runs a program to its end and answers the exit code for the command.
///
/// Must be called from a process with one thread: it forks.
pub fn run(options: Options) -> i32 {
    if options.command.is_empty() {
        eprintln!(
            "sockeye: no program was given; expected `sockeye run [OPTIONS] -- CMD [ARG]...`"
        );
        return FAILED;
    }
    let mut signals = FORWARDED.to_vec();
    signals.push(libc::SIGCHLD);
    let mask = sys::block_signals(&signals);
    // A run that can't see its end would hang for ever: an inherited "ignore" makes children vanish unreaped.
    sys::ignore_signal(libc::SIGCHLD, false);
    if let Err(error) = sys::become_subreaper() {
        eprintln!("sockeye: cannot become the reaper of the run's processes: {error}");
        return FAILED;
    }
    let guardian = sys::own_pid();
    // SAFETY: this process has one thread, so the child may do anything.
    let supervisor = unsafe { libc::fork() };
    match supervisor {
        0 => {
            let code = supervise(options, guardian, &mask);
            // SAFETY: ends the supervisor without running the guardian's exit handlers.
            unsafe { libc::_exit(code) }
        }
        pid if pid > 0 => watch_over(pid, &signals),
        _ => {
            eprintln!(
                "sockeye: cannot start the supervisor: {}",
                std::io::Error::last_os_error()
            );
            FAILED
        }
    }
}

/// The supervisor's whole life; its processes end with it.
fn supervise(options: Options, guardian: i32, mask: &SignalMask) -> i32 {
    let code = match catch_unwind(AssertUnwindSafe(|| {
        crate::supervisor::supervise(options, guardian, mask)
    })) {
        Ok(Ok(code)) => code,
        Ok(Err(error)) => {
            eprintln!("sockeye: {error:#}");
            FAILED
        }
        // The panic's message has been printed.
        Err(_) => FAILED,
    };
    sys::kill_descendants(None);
    code
}

/// Waits for the supervisor, passing signals on.
fn watch_over(supervisor: i32, signals: &[i32]) -> i32 {
    let waiting = SignalFile::new(signals).and_then(|file| {
        let epoll = Epoll::new()?;
        epoll.add(file.as_fd(), sys::IN, 0)?;
        Ok((file, epoll))
    });
    let (file, epoll) = match waiting {
        Ok(waiting) => waiting,
        Err(error) => {
            eprintln!("sockeye: cannot wait for signals: {error}");
            sys::kill_descendants(None);
            return FAILED;
        }
    };
    let mut events = Vec::with_capacity(4);
    loop {
        while let Some(arrived) = file.next() {
            // What the terminal sends goes to the whole job, the program included.
            if arrived.signal != libc::SIGCHLD && !arrived.from_kernel {
                sys::signal(supervisor, arrived.signal);
            }
        }
        loop {
            match sys::reap(false) {
                Ok(Some((pid, ended))) if pid == supervisor => return finish(ended),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if epoll.wait(&mut events, None).is_err() {
            sys::kill_descendants(None);
            return FAILED;
        }
    }
}

/// The supervisor is gone: nothing of its run may be left.
fn finish(ended: Ended) -> i32 {
    sys::kill_descendants(None);
    match ended {
        Ended::Exited(code) => code,
        Ended::Signalled(signal) => {
            eprintln!(
                "sockeye: the supervisor was killed by signal {signal}; the run has been ended"
            );
            FAILED
        }
    }
}
