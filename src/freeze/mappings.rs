//! The mappings of a process, as the kernel lists them in `/proc/self/maps`.
//!
//! It knows the text's format (proc(5)) and nothing of who made a mapping. Parsing is pure; reading takes no lock and
//! allocates through Rust's allocator only, so that the frozen child may do it too.

use std::fs::{self, File};
use std::io::{self, Read};
use std::ops::Range;

/// What lies behind a mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// Memory of the process alone: V8's heap, malloc's, thread stacks.
    Anonymous,
    /// A file, a device or memory that is shared under a name.
    File,
    /// The stack of the process' first thread.
    Stack,
    /// Pages the kernel provides, such as `[vdso]` and `[vvar]`.
    Kernel,
}

/// One line of `/proc/self/maps`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// First address to first address behind it, both multiples of the page size.
    pub range: Range<usize>,
    /// `r`: a read does not fault.
    pub readable: bool,
    /// `w`
    pub writable: bool,
    /// `x`
    pub executable: bool,
    /// `s` instead of `p`: writes reach other processes.
    pub shared: bool,
    /// Where its bytes come from.
    pub backing: Backing,
}

impl Mapping {
    /// Anonymous memory that a fork copies on write, unless it is marked `MADV_DONTFORK`.
    pub fn is_private_memory(&self) -> bool {
        self.backing == Backing::Anonymous && !self.shared
    }
}

/// The mappings of the calling process, by ascending address.
///
/// The list is exact where no other thread maps memory meanwhile, as in a frozen child that owns its copy.
///
/// # Errors
/// `/proc` is not mounted or hidden.
pub fn of_this_process() -> io::Result<Vec<Mapping>> {
    Ok(parse(&text_of_this_process()?).collect())
}

/// The text of this process' `maps` file. Its memory was there before the first line was read and has not moved since, so
/// that the list is true of it as well.
pub(super) fn text_of_this_process() -> io::Result<Vec<u8>> {
    let mut capacity = 256 << 10;
    loop {
        let mut text = Vec::with_capacity(capacity);
        File::open("/proc/self/maps")?.read_to_end(&mut text)?;
        if text.len() < capacity && text.capacity() == capacity {
            return Ok(text);
        }
        capacity *= 2;
    }
}

/// The mappings of another process, by ascending address.
///
/// # Errors
/// `/proc` is not mounted or hidden, or this process may not look.
pub(super) fn of_process(process: u32) -> io::Result<Vec<Mapping>> {
    Ok(parse(&fs::read(format!("/proc/{process}/maps"))?).collect())
}

/// Reads the text of a `maps` file. Lines it does not know are left out.
pub fn parse(text: &[u8]) -> impl Iterator<Item = Mapping> {
    text.split(|&byte| byte == b'\n').filter_map(parse_line)
}

/// Reads the text of a `smaps` file: the private anonymous mappings that a fork leaves out (`dc` in `VmFlags`).
pub(super) fn parse_marked(text: &[u8]) -> Vec<Range<usize>> {
    let mut current = None;
    let mut marked = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        if let Some(mapping) = parse_line(line) {
            current = Some(mapping);
        } else if let Some(flags) = line.strip_prefix(b"VmFlags:")
            && flags.split(|&byte| byte == b' ').any(|flag| flag == b"dc")
        {
            marked.extend(
                current
                    .take()
                    .filter(Mapping::is_private_memory)
                    .map(|mapping| mapping.range),
            );
        }
    }
    marked
}

/// `7f2a40000000-7f2a40040000 rw-p 00000000 00:00 0      [name]`
fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut fields = line
        .split(|&byte| byte == b' ')
        .filter(|field| !field.is_empty());
    let mut addresses = fields.next()?.splitn(2, |&byte| byte == b'-');
    let range = parse_number(addresses.next()?, 16)?..parse_number(addresses.next()?, 16)?;
    let &[readable, writable, executable, sharing] = fields.next()? else {
        return None;
    };
    let (_offset, _device) = (fields.next()?, fields.next()?);
    let inode = parse_number(fields.next()?, 10)?;
    let backing = match fields.next() {
        _ if inode != 0 => Backing::File,
        None => Backing::Anonymous,
        Some(b"[heap]") => Backing::Anonymous,
        Some(b"[stack]") => Backing::Stack,
        Some(name) if name.starts_with(b"[anon") => Backing::Anonymous,
        Some(name) if name.starts_with(b"[") => Backing::Kernel,
        Some(_) => Backing::File,
    };
    (range.start < range.end).then_some(Mapping {
        range,
        readable: readable == b'r',
        writable: writable == b'w',
        executable: executable == b'x',
        shared: sharing == b's',
        backing,
    })
}

fn parse_number(digits: &[u8], radix: u32) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &[u8] = b"\
00400000-02c1f000 r--p 00000000 fe:00 1318                               /usr/bin/node
05d9c000-05da0000 rw-p 05799000 fe:00 1318                               /usr/bin/node
05da0000-05dca000 rw-p 00000000 00:00 0
06fb2000-07152000 rw-p 00000000 00:00 0                                  [heap]
2a3000000000-2a3000040000 ---p 00000000 00:00 0
7f2a40000000-7f2a40021000 rw-s 00000000 00:01 2049                       /dev/zero (deleted)
7f2a48000000-7f2a48021000 rw-p 00000000 00:00 0                          [anon:arena one]
7ffd1c0e1000-7ffd1c102000 rw-p 00000000 00:00 0                          [stack]
7ffd1c1b6000-7ffd1c1ba000 r--p 00000000 00:00 0                          [vvar]
7ffd1c1ba000-7ffd1c1bc000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    fn backings(text: &[u8]) -> Vec<Backing> {
        parse(text).map(|mapping| mapping.backing).collect()
    }

    #[test]
    fn every_line_names_its_backing() {
        use Backing::{Anonymous, File, Kernel, Stack};
        assert_eq!(
            backings(MAPS),
            [
                File, File, Anonymous, Anonymous, Anonymous, File, Anonymous, Stack, Kernel,
                Kernel, Kernel
            ]
        );
    }

    #[test]
    fn addresses_and_permissions_are_read() {
        let data = parse(MAPS).nth(1).unwrap();
        assert_eq!(
            data,
            Mapping {
                range: 0x05d9_c000..0x05da_0000,
                readable: true,
                writable: true,
                executable: false,
                shared: false,
                backing: Backing::File,
            }
        );
        assert!(!parse(MAPS).nth(4).unwrap().readable);
        assert!(parse(MAPS).nth(5).unwrap().shared);
        assert!(parse(MAPS).nth(9).unwrap().executable);
    }

    #[test]
    fn smaps_tells_which_private_memory_a_fork_leaves_out() {
        let text = b"\
1000-2000 rw-p 00000000 00:00 0
Size:                  4 kB
VmFlags: rd wr mr mw me dc ac sd
2000-3000 rw-p 00000000 00:00 0
VmFlags: rd wr mr mw me ac sd
3000-4000 rw-s 00000000 00:01 7      /dev/card
VmFlags: rd wr sh dc io
5000-7000 ---p 00000000 00:00 0
VmFlags: mr mw me dc
";
        assert_eq!(parse_marked(text), [0x1000..0x2000, 0x5000..0x7000]);
    }

    #[test]
    fn lines_it_does_not_know_are_left_out() {
        let text = b"\n7f00-\nzz-yy rw-p 0 00:00 0\n2000-1000 rw-p 0 00:00 0\n1000-2000 rw 0 00:00 0\nSize: 4 kB\n\xff\xfe\n1000-2000 rw-p 0 00:00 0";
        let ranges: Vec<_> = parse(text).map(|mapping| mapping.range).collect();
        assert_eq!(ranges, vec![0x1000..0x2000]);
    }

    #[test]
    fn a_text_cut_anywhere_is_read_without_panic() {
        for end in 0..MAPS.len() {
            assert!(parse(&MAPS[..end]).count() <= 11);
        }
    }

    #[test]
    fn the_running_process_lists_its_own_memory() {
        let local = 0u8;
        let address = &raw const local as usize;
        let mappings = of_this_process().unwrap();
        let own = mappings
            .iter()
            .find(|mapping| mapping.range.contains(&address))
            .unwrap();
        assert!(own.readable && own.writable && !own.executable);
    }
}
