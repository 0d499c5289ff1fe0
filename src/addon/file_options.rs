//! What the user wants of a dump's files beside their name, as JavaScript tells it.

use std::ffi::OsString;
use std::time::Duration;

use napi_derive::napi;

use crate::request::FileOptions;

/// The checked options `compress`, `keep`, `exec`, `redact` and `suspects`, and what goes with them.
#[napi(object)]
pub struct WantedFiles {
    /// Which program this is: the path of its main script.
    pub program: String,
    /// Whether the snapshot is compressed.
    pub gzip: bool,
    /// How many dumps of the program stay in the folder; absent for all.
    pub keep: Option<u32>,
    /// The words of the command that is run at the end; empty for none.
    pub exec: Vec<String>,
    /// Whether contents of strings are kept out of the files.
    pub redact: bool,
    /// Whether it is looked for what leaked.
    pub suspects: bool,
}

impl WantedFiles {
    /// The same for the helper. `timeout` bounds the command at the end.
    pub fn with_timeout(self, timeout: Duration) -> FileOptions {
        FileOptions {
            program: self.program,
            gzip: self.gzip,
            keep: self.keep,
            exec: self.exec.into_iter().map(OsString::from).collect(),
            timeout,
            redact: self.redact,
            suspects: self.suspects,
        }
    }
}

/// One command-line option with its name alone: values may hold anything.
pub fn without_value(option: &str) -> String {
    match option.split_once('=') {
        Some((name, _)) if is_name(name) => format!("{name}=(redacted)"),
        None if is_name(option) => option.to_owned(),
        _ => "(redacted)".to_owned(),
    }
}

/// Likewise for all of `NODE_OPTIONS`, where a value in quotes may look like anything.
pub fn without_values(options: &str) -> String {
    if options.contains('"') {
        return "(redacted)".to_owned();
    }
    let words: Vec<String> = options.split_whitespace().map(without_value).collect();
    words.join(" ")
}

/// `-r`, `--inspect`.
fn is_name(word: &str) -> bool {
    let letters = word.trim_start_matches('-');
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
    word.starts_with('-') && letters.bytes().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_keep_their_names_and_lose_their_values() {
        assert_eq!(
            without_values("--max-old-space-size=60 -r ./secret.js --title=secret --inspect"),
            "--max-old-space-size=(redacted) -r (redacted) --title=(redacted) --inspect"
        );
    }

    #[test]
    fn a_value_of_several_words_is_hidden_wholly() {
        assert_eq!(without_value("f(-secret)  -secret"), "(redacted)");
        assert_eq!(without_values("--title=\"a -secret b\""), "(redacted)");
    }
}
