//! The lines that people see on standard error.
//!
//! Standard error of a dying process may be closed, full, or non-blocking, and `eprintln!` then panics or waits for ever.
//! [`tell`] does neither. It knows nothing of what the lines are about.

/// Writes `node-oom-heapdump: <line>` and a newline to standard error.
///
/// Control characters, which a file name may hold, are escaped, so that one message is one line. A reader that takes
/// nothing for about a second loses the rest of the line, and the next lines do not wait for it: a process that dies is
/// not held for each of them. There is nobody left to report that to.
pub fn tell(line: &str) {
    standard_error::write(to_line(line).as_bytes());
}

/// A number of bytes in megabytes, as people read it: `47.3`.
pub fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / (1 << 20) as f64)
}

fn to_line(message: &str) -> String {
    let mut line = String::from("node-oom-heapdump: ");
    for character in message.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    line
}

#[cfg(unix)]
mod standard_error {
    use std::io;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    pub const PATIENCE: Duration = Duration::from_secs(1);

    /// Whether the last line was not taken.
    static NOBODY_READS: AtomicBool = AtomicBool::new(false);

    pub fn write(line: &[u8]) {
        let patience = match NOBODY_READS.load(Ordering::Relaxed) {
            true => Duration::ZERO,
            false => PATIENCE,
        };
        let taken = write_to(libc::STDERR_FILENO, line, patience);
        NOBODY_READS.store(!taken, Ordering::Relaxed);
    }

    /// Writes what fits until `patience` ends. Returns whether all of it fitted.
    pub fn write_to(descriptor: libc::c_int, mut rest: &[u8], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !rest.is_empty() && wait_for_room(descriptor, deadline) {
            // A blocking pipe that is ready has room for this much; one byte more could wait for ever.
            let piece = &rest[..rest.len().min(libc::PIPE_BUF)];
            // SAFETY: the pointer and the length are those of a live slice.
            let written = unsafe { libc::write(descriptor, piece.as_ptr().cast(), piece.len()) };
            match usize::try_from(written) {
                Ok(count) => rest = &rest[count..],
                Err(_) if may_succeed_later() => {}
                Err(_) => return false,
            }
        }
        rest.is_empty()
    }

    fn wait_for_room(descriptor: libc::c_int, deadline: Instant) -> bool {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut poll = libc::pollfd {
                fd: descriptor,
                events: libc::POLLOUT,
                revents: 0,
            };
            // SAFETY: one pollfd, live for the call. The wait is at most a second, so the cast cannot cut it.
            let ready = unsafe { libc::poll(&mut poll, 1, left.as_millis() as libc::c_int) };
            if ready >= 0 || !may_succeed_later() {
                return ready > 0 && poll.revents & libc::POLLOUT != 0;
            }
        }
    }

    fn may_succeed_later() -> bool {
        matches!(
            io::Error::last_os_error().kind(),
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
        )
    }
}

#[cfg(not(unix))]
mod standard_error {
    use std::io::Write;

    pub fn write(line: &[u8]) {
        // Nobody is left to hear that standard error is gone.
        let _ = std::io::stderr().write_all(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_a_file_is_called() {
        assert_eq!(
            to_line("complete: /tmp/a\nb"),
            "node-oom-heapdump: complete: /tmp/a\\nb\n"
        );
    }

    #[cfg(unix)]
    mod on_unix {
        use super::super::standard_error::{PATIENCE, write_to};
        use std::io::Read;
        use std::os::fd::AsRawFd;

        #[test]
        fn a_pipe_that_nobody_empties_does_not_hang_the_writer() {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let more_than_a_pipe_holds = vec![b'x'; 4 << 20];

            assert!(!write_to(
                writer.as_raw_fd(),
                &more_than_a_pipe_holds,
                PATIENCE
            ));

            drop(writer);
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            assert!(!received.is_empty() && received.len() < more_than_a_pipe_holds.len());
        }

        #[test]
        fn a_closed_standard_error_is_no_reason_to_panic() {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            assert!(!write_to(
                writer.as_raw_fd(),
                b"nobody reads this",
                PATIENCE
            ));
            assert!(!write_to(-1, b"nor this", PATIENCE));
        }

        #[test]
        fn a_line_arrives_whole() {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let line = vec![b'y'; 3 * libc::PIPE_BUF + 1];
            assert!(write_to(writer.as_raw_fd(), &line, PATIENCE));
            drop(writer);
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            assert_eq!(received, line);
        }
    }
}
