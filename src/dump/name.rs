//! The names a dump tries, one after the other, when a file of that name exists.
//!
//! It reads no folder: whether a name is free is known only by taking it.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The longest file name in bytes: NAME_MAX of Linux and macOS.
const LONGEST: usize = 255;

/// `x.heapsnapshot`, `x-1.heapsnapshot`, `x-2.heapsnapshot`, …; nothing if the path names no file.
pub fn final_names(file: &Path) -> impl Iterator<Item = PathBuf> {
    let stem = file.file_stem().map(OsStr::to_owned);
    let extension = file.extension().map(OsStr::to_owned);
    let numbered = move |number: u64| {
        let mut suffix = OsString::from(format!("-{number}"));
        if let Some(extension) = &extension {
            suffix.push(".");
            suffix.push(extension);
        }
        Some(file.with_file_name(join(stem.as_deref()?, &suffix)))
    };
    let asked_for = file.file_name().map(|_| file.to_owned());
    asked_for.into_iter().chain((1..).map_while(numbered))
}

/// `x.heapsnapshot.part`, `x.heapsnapshot.1.part`, …; nothing if the path names no file.
pub fn temporary_names(file: &Path) -> impl Iterator<Item = PathBuf> {
    let suffixes = std::iter::once(".part".to_owned())
        .chain((1_u64..).map(|number| format!(".{number}.part")));
    suffixes
        .map_while(|suffix| Some(file.with_file_name(join(file.file_name()?, OsStr::new(&suffix)))))
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

    fn first_three(names: impl Iterator<Item = PathBuf>) -> Vec<String> {
        names
            .take(3)
            .map(|name| name.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_number_goes_before_the_extension() {
        let names = first_three(final_names(Path::new("/d/v1.2 %n.heapsnapshot")));
        assert_eq!(
            names,
            [
                "/d/v1.2 %n.heapsnapshot",
                "/d/v1.2 %n-1.heapsnapshot",
                "/d/v1.2 %n-2.heapsnapshot"
            ]
        );
    }

    #[test]
    fn a_name_without_extension_gets_a_number_too() {
        assert_eq!(
            first_three(final_names(Path::new("/d/x"))),
            ["/d/x", "/d/x-1", "/d/x-2"]
        );
    }

    #[test]
    fn a_temporary_name_tells_whose_it_is() {
        let names = first_three(temporary_names(Path::new("/d/x.heapsnapshot")));
        assert_eq!(
            names,
            [
                "/d/x.heapsnapshot.part",
                "/d/x.heapsnapshot.1.part",
                "/d/x.heapsnapshot.2.part"
            ]
        );
    }

    #[test]
    fn no_name_is_longer_than_the_file_system_takes() {
        let longest = PathBuf::from(format!("/d/{}.heapsnapshot", "ä".repeat(121)));
        for name in final_names(&longest)
            .chain(temporary_names(&longest).take(12))
            .take(12)
        {
            assert!(name.file_name().unwrap().len() <= LONGEST, "{name:?}");
        }
        for name in temporary_names(&longest).take(12) {
            assert!(name.file_name().unwrap().len() <= LONGEST, "{name:?}");
            assert!(name.to_str().unwrap().ends_with(".part"));
        }
    }

    #[test]
    fn a_folder_is_no_name() {
        assert_eq!(
            final_names(Path::new("/")).count() + temporary_names(Path::new("/d/..")).count(),
            0
        );
    }
}
