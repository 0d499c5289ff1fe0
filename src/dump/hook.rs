//! The program that is run when a snapshot is complete: the option `exec`.
//!
//! No shell: each word is one argument. What it prints goes to standard error, for standard output is the addon's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

const PAUSE: Duration = Duration::from_millis(20);

/// How the program went.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HookResult {
    /// Its name. The other words may hold secrets.
    pub program: String,
    /// What it ended with, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why there is no exit code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Milliseconds.
    pub duration_ms: u64,
}

impl HookResult {
    /// In words, for people.
    pub fn describe(&self) -> String {
        let HookResult {
            program,
            exit_code,
            failure,
            duration_ms,
        } = self;
        let seconds = *duration_ms as f64 / 1000.0;
        match (exit_code, failure) {
            (Some(code), _) => {
                format!(
                    "{program} of the option exec ended with exit code {code} after {seconds:.1} s"
                )
            }
            (None, failure) => format!(
                "{program} of the option exec failed after {seconds:.1} s: {}",
                failure.as_deref().unwrap_or("it gave no reason")
            ),
        }
    }
}

/// Runs `command` until it ends or `deadline` has passed, when it and what it has started are killed. `{path}` in its words is
/// the snapshot, `{summary}` the summary.
pub fn run(command: &[OsString], snapshot: &Path, summary: &Path, deadline: Instant) -> HookResult {
    let words: Vec<OsString> = command
        .iter()
        .map(|word| fill_in(word, &[("{path}", snapshot), ("{summary}", summary)]))
        .collect();
    let started = Instant::now();
    let mut result = HookResult {
        program: words
            .first()
            .map(|program| program.to_string_lossy().into_owned())
            .unwrap_or_default(),
        ..HookResult::default()
    };
    match start(&words).and_then(|mut child| wait(&mut child, deadline)) {
        Ok(Some(status)) => {
            result.exit_code = status.code();
            result.failure = status.code().is_none().then(|| status.to_string());
        }
        Ok(None) => {
            result.failure =
                Some("the time of the option timeout was over, so it was killed".to_owned());
        }
        Err(error) => result.failure = Some(format!("it cannot be run ({error})")),
    }
    result.duration_ms = started.elapsed().as_millis() as u64;
    result
}

fn start(words: &[OsString]) -> io::Result<Child> {
    let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .stderr(io::stderr());
    // A group of its own, so that what it starts can be ended with it.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.spawn()
}

/// `None` is that the deadline has passed.
fn wait(child: &mut Child, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            kill_group(child);
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(unix)]
fn kill_group(child: &Child) {
    if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
        // The program itself is killed in any case, by its own id.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: &Child) {}

/// `word` with each placeholder replaced, in one pass: what a path holds is not looked at again.
fn fill_in(word: &OsStr, placeholders: &[(&str, &Path)]) -> OsString {
    let Some(text) = word.to_str() else {
        return word.to_owned();
    };
    let mut filled = OsString::new();
    let mut rest = text;
    while let Some((at, placeholder, path)) = placeholders
        .iter()
        .filter_map(|(placeholder, path)| Some((rest.find(placeholder)?, placeholder, path)))
        .min_by_key(|(at, ..)| *at)
    {
        filled.push(&rest[..at]);
        filled.push(path);
        rest = &rest[at + placeholder.len()..];
    }
    filled.push(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(word: &str) -> OsString {
        let paths = [
            ("{path}", Path::new("/d/{summary} x")),
            ("{summary}", Path::new("/d/s")),
        ];
        fill_in(OsStr::new(word), &paths)
    }

    #[test]
    fn placeholders_are_filled_in_once_and_wherever_they_stand() {
        assert_eq!(filled("{path}"), "/d/{summary} x");
        assert_eq!(filled("a={path}:{summary}!"), "a=/d/{summary} x:/d/s!");
        assert_eq!(filled("{pat} {}"), "{pat} {}");
    }

    #[cfg(unix)]
    mod on_unix {
        use super::*;

        fn run_words(words: &[&str], time: Duration) -> HookResult {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let paths = (
                Path::new("/d/x.heapsnapshot"),
                Path::new("/d/x.summary.json"),
            );
            run(&words, paths.0, paths.1, Instant::now() + time)
        }

        const LONG: Duration = Duration::from_secs(60);

        #[test]
        fn the_exit_code_is_reported() {
            let result = run_words(&["sh", "-c", "exit 7"], LONG);
            assert_eq!(result.exit_code, Some(7));
            assert!(
                result
                    .describe()
                    .contains("sh of the option exec ended with exit code 7")
            );
        }

        #[test]
        fn no_shell_reads_the_words() {
            let is_one_word = [
                "sh",
                "-c",
                "test \"$1\" = '$HOME;`x` /d/x.heapsnapshot'",
                "sh",
            ];
            let words = [&is_one_word[..], &["$HOME;`x` {path}"]].concat();
            assert_eq!(run_words(&words, LONG).exit_code, Some(0));
        }

        #[test]
        fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
            let result = run_words(&["sh", "-c", "sleep 600 & sleep 600"], Duration::ZERO);
            assert!(result.failure.unwrap().contains("timeout"));
        }

        #[test]
        fn a_program_that_is_not_there_is_named() {
            let result = run_words(&["/nowhere/upload"], LONG);
            assert!(
                result
                    .describe()
                    .starts_with("/nowhere/upload of the option exec failed")
            );
            assert_eq!(result.exit_code, None);
        }

        #[test]
        fn a_program_that_is_killed_has_no_exit_code() {
            let result = run_words(&["sh", "-c", "kill -9 $$"], LONG);
            assert!(result.describe().contains("signal: 9"), "{result:?}");
        }
    }
}
