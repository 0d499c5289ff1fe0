//! How far a snapshot has come: a line that moves on a terminal, one line every few seconds elsewhere.
//!
//! Nobody knows the size before the end, so it tells what has arrived, how fast, and since when.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use node_oom_heapdump::message::{megabytes, tell};

const TICK: Duration = Duration::from_millis(100);
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// What people see of a snapshot that is being received.
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere.
    Lines {
        /// When it began.
        start: Instant,
        /// When the last line was written.
        last: Instant,
        /// What has arrived, in bytes.
        received: u64,
    },
}

impl Progress {
    /// Begins to show progress on standard error.
    pub fn begin() -> Progress {
        if !stderr().is_terminal() {
            let start = Instant::now();
            return Progress::Lines {
                start,
                last: start,
                received: 0,
            };
        }
        let bar = ProgressBar::new_spinner().with_style(style());
        bar.enable_steady_tick(TICK);
        Progress::Bar(bar)
    }

    /// Adds what has arrived.
    pub fn advance(&mut self, bytes: usize) {
        match self {
            Progress::Bar(bar) => bar.inc(bytes as u64),
            Progress::Lines {
                start,
                last,
                received,
            } => {
                *received += bytes as u64;
                if last.elapsed() >= BETWEEN_LINES {
                    *last = Instant::now();
                    tell(&line(*received, start.elapsed()));
                }
            }
        }
    }
}

impl Drop for Progress {
    /// Clears the terminal's line for those that follow.
    fn drop(&mut self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    let received = |state: &ProgressState, output: &mut dyn Write| {
        // A terminal that takes no more text has no use for the rest of the line.
        let _ = output.write_str(&line(state.pos(), state.elapsed()));
    };
    // The template is a constant that is well-formed; the default style would do otherwise.
    ProgressStyle::with_template("{spinner} {received}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("received", received)
}

/// `12.3 MB received, 4.1 MB/s, 3 s`
fn line(received: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if received == 0 {
        return format!("V8 is walking the heap, {seconds} s");
    }
    let rate = (received as f64 / elapsed.as_secs_f64()) as u64;
    format!(
        "{} MB received, {} MB/s, {seconds} s",
        megabytes(received),
        megabytes(rate)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_rate_and_time_are_told() {
        assert_eq!(
            line(24 << 20, Duration::from_secs(4)),
            "24.0 MB received, 6.0 MB/s, 4 s"
        );
    }

    #[test]
    fn before_the_first_byte_there_is_no_rate() {
        assert_eq!(
            line(0, Duration::from_secs(7)),
            "V8 is walking the heap, 7 s"
        );
    }
}
