//! How far a command has come, on standard error.
//!
//! Of a snapshot that is received: a line that moves on a terminal, one line every few seconds elsewhere. Nobody knows its size
//! before the end, so it tells what has arrived, how fast, and since when. Of one that is analysed: a line that moves on a
//! terminal, nothing elsewhere, for it takes seconds.

use std::fmt::Write;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
        let bar = ProgressBar::new_spinner()
            .with_style(style(|state| line(state.pos(), state.elapsed())));
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

/// What people see of a snapshot that is analysed.
pub struct Steps(Option<ProgressBar>);

impl Steps {
    /// Begins; nothing is shown before there is a step.
    pub fn begin() -> Steps {
        let bar = stderr().is_terminal().then(ProgressBar::new_spinner);
        if let Some(bar) = &bar {
            bar.enable_steady_tick(TICK);
        }
        Steps(bar)
    }

    /// A file is read from now on; who reads it counts the bytes.
    pub fn reading(&self, file: &Path) -> Arc<AtomicU64> {
        let bytes = Arc::new(AtomicU64::new(0));
        let size = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
        let (name, read) = (file.display().to_string(), Arc::clone(&bytes));
        self.show(move || reading_line(&name, read.load(Ordering::Relaxed), size));
        bytes
    }

    /// Something else is done from now on.
    pub fn now(&self, what: &'static str) {
        self.show(move || what.to_owned());
    }

    fn show(&self, line: impl Fn() -> String + Clone + Send + Sync + 'static) {
        if let Some(bar) = &self.0 {
            bar.set_style(style(move |_| line()));
        }
    }
}

impl Drop for Steps {
    /// Clears the terminal's line for the result.
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}

/// `reading x.heapsnapshot: 12.3 of 40.0 MB`; of a compressed file there is more to read than its size.
fn reading_line(name: &str, read: u64, size: u64) -> String {
    match read <= size {
        true => format!(
            "reading {name}: {} of {} MB",
            megabytes(read),
            megabytes(size)
        ),
        false => format!("reading {name}: {} MB", megabytes(read)),
    }
}

fn style(line: impl Fn(&ProgressState) -> String + Clone + Send + Sync + 'static) -> ProgressStyle {
    let write = move |state: &ProgressState, output: &mut dyn Write| {
        // A terminal that takes no more text has no use for the rest of the line.
        let _ = output.write_str(&line(state));
    };
    // The template is a constant that is well-formed; the default style would do otherwise.
    ProgressStyle::with_template("{spinner} {line}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("line", write)
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
    fn what_was_read_of_a_file_is_told() {
        let line = |read| reading_line("x", read, 40 << 20);
        assert_eq!(line(10 << 20), "reading x: 10.0 of 40.0 MB");
        assert_eq!(line(50 << 20), "reading x: 50.0 MB");
    }

    #[test]
    fn before_the_first_byte_there_is_no_rate() {
        assert_eq!(
            line(0, Duration::from_secs(7)),
            "V8 is walking the heap, 7 s"
        );
    }
}
