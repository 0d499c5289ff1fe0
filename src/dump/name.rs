//! What the files of one dump are called: snapshot and summary share a stem and, where names are taken, a number.
//!
//! It reads no folder: whether a name is free is known only by taking it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The longest file name in bytes: NAME_MAX of Linux and macOS.
const LONGEST: usize = 255;

const COMPRESSED: &str = ".gz";
const SUMMARY: &str = ".summary.json";
const SUSPECTS: &str = ".suspects.json";
const CONCLUSION: &str = ".conclusion.json";

/// The names of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    stem: OsString,
    /// With its dot, or empty.
    extension: OsString,
}

impl Name {
    /// Names for a snapshot that shall be called as `file` is, and if it is compressed with `.gz` behind. `None` if the path
    /// names no file.
    pub fn of(file: &Path, is_compressed: bool) -> Option<Name> {
        // `/folder/..` has no name, `/folder/.` has that of the folder.
        file.file_name()?;
        let mut extension = OsString::new();
        if let Some(of_file) = file.extension() {
            extension.push(".");
            extension.push(of_file);
        }
        if is_compressed {
            extension.push(COMPRESSED);
        }
        Some(Name {
            stem: file.file_stem()?.to_owned(),
            extension,
        })
    }

    /// `x.heapsnapshot`, and for further dumps of this name `x-1.heapsnapshot`, …
    pub fn snapshot(&self, number: u64) -> OsString {
        self.numbered(number, &self.extension)
    }

    /// `x.summary.json`, `x-1.summary.json`, …
    pub fn summary(&self, number: u64) -> OsString {
        self.numbered(number, OsStr::new(SUMMARY))
    }

    /// `x.suspects.json`, `x-1.suspects.json`, …
    pub fn suspects(&self, number: u64) -> OsString {
        self.numbered(number, OsStr::new(SUSPECTS))
    }

    /// `x.conclusion.json`, `x-1.conclusion.json`, …: a summary that waits for its place. Nothing ever has this name itself.
    pub fn conclusion(&self, number: u64) -> OsString {
        self.numbered(number, OsStr::new(CONCLUSION))
    }

    fn numbered(&self, number: u64, extension: &OsStr) -> OsString {
        let mut suffix = OsString::new();
        if number > 0 {
            suffix.push(format!("-{number}"));
        }
        suffix.push(extension);
        join(&self.stem, &suffix)
    }
}

/// Whether a file of this name may be a summary.
pub fn is_of_summary(name: &OsStr) -> bool {
    name.as_encoded_bytes().ends_with(SUMMARY.as_bytes())
}

/// `x.part`, `x.1.part`, …: for a file that shall be called `x` when it is complete.
pub fn temporary_names(name: &OsStr) -> impl Iterator<Item = OsString> {
    let suffixes = std::iter::once(".part".to_owned())
        .chain((1_u64..).map(|number| format!(".{number}.part")));
    suffixes.map(move |suffix| join(name, OsStr::new(&suffix)))
}

/// `stem` and `suffix`, the stem cut so that the whole is a name the file system takes.
fn join(stem: &OsStr, suffix: &OsStr) -> OsString {
    let mut name = cut(stem, LONGEST.saturating_sub(suffix.len()));
    name.push(suffix);
    name
}

fn cut(name: &OsStr, longest: usize) -> OsString {
    if name.len() <= longest {
        return name.to_owned();
    }
    match name.to_str() {
        Some(text) => cut_text(text, longest).into(),
        None => cut_bytes(name, longest),
    }
}

fn cut_text(text: &str, longest: usize) -> &str {
    let end = (0..=longest)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or_default();
    &text[..end]
}

#[cfg(unix)]
fn cut_bytes(name: &OsStr, longest: usize) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(&name.as_bytes()[..longest]).to_owned()
}

#[cfg(not(unix))]
fn cut_bytes(name: &OsStr, longest: usize) -> OsString {
    cut_text(&name.to_string_lossy(), longest).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(file: &str) -> Name {
        Name::of(Path::new(file), false).unwrap()
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        let name = name("/d/v1.2 %n.heapsnapshot");
        assert_eq!(
            [0, 1, 2].map(|number| name.snapshot(number)),
            [
                "v1.2 %n.heapsnapshot",
                "v1.2 %n-1.heapsnapshot",
                "v1.2 %n-2.heapsnapshot"
            ]
        );
        assert_eq!(
            [0, 1].map(|number| name.summary(number)),
            ["v1.2 %n.summary.json", "v1.2 %n-1.summary.json"]
        );
    }

    #[test]
    fn a_name_without_extension_gets_a_number_too() {
        assert_eq!(
            [0, 1].map(|number| name("/d/x").snapshot(number)),
            ["x", "x-1"]
        );
    }

    #[test]
    fn a_compressed_snapshot_says_so_at_the_end_of_its_name() {
        let name = Name::of(Path::new("/d/x.heapsnapshot"), true).unwrap();
        assert_eq!(name.snapshot(0), "x.heapsnapshot.gz");
        assert_eq!(name.snapshot(1), "x-1.heapsnapshot.gz");
        assert_eq!(name.summary(1), "x-1.summary.json");
    }

    #[test]
    fn a_temporary_name_tells_whose_it_is() {
        let names: Vec<_> = temporary_names(OsStr::new("x.heapsnapshot"))
            .take(3)
            .collect();
        assert_eq!(
            names,
            [
                "x.heapsnapshot.part",
                "x.heapsnapshot.1.part",
                "x.heapsnapshot.2.part"
            ]
        );
    }

    #[test]
    fn no_name_is_longer_than_the_file_system_takes() {
        let longest = name(&format!("/d/{}.heapsnapshot", "ä".repeat(121)));
        for number in 0..12 {
            let temporary = temporary_names(&longest.snapshot(number)).nth(number as usize);
            for name in [
                longest.snapshot(number),
                longest.summary(number),
                temporary.unwrap(),
            ] {
                assert!(name.len() <= LONGEST && name.to_str().is_some(), "{name:?}");
            }
        }
    }

    #[test]
    fn a_folder_is_no_name() {
        for folder in ["/", "/d/.."] {
            assert_eq!(Name::of(Path::new(folder), false), None);
        }
    }
}
