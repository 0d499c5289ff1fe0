//! Prints what a Node binary states of its V8 and where that differs from a known layout, so that whoever adds a version sees
//! what to change. It reads the file's symbols and data; nothing is run.
//!
//! Usage: `describe_node <node> [--against <major.minor>] [--constants | --roots]`. Compares with the layout of that V8 or,
//! if there is none, the newest; `--against` names another. `--constants` prints the file of `tests/debug_constants/`,
//! `--roots` that of `src/heap/layout/roots/`. The exit code is 1 if anything differs.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::ExitCode;

use node_oom_heapdump::heap::layout::Layout;
use node_oom_heapdump::heap::layout::debug_constants::{self, PREFIX, instance_type_name};
use node_oom_heapdump::heap::layout::instance_types::{ABSENT, COLUMNS, ROWS};
use object::elf::FileHeader64;
use object::read::elf::ElfFile;
use object::{LittleEndian, Object, ObjectSegment, ObjectSymbol};

const USAGE: &str = "usage: describe_node <node> [--against <major.minor>] [--constants | --roots]";

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut file = None;
    let mut against = None;
    let mut print: fn(&Binary, &Layout) -> usize = report;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--against" => against = Some(arguments.next().ok_or(USAGE)?),
            "--constants" => print = print_constants,
            "--roots" => print = print_roots,
            _ if file.is_none() => file = Some(argument),
            _ => return Err(USAGE.into()),
        }
    }
    let file = file.ok_or(USAGE)?;
    let bytes = std::fs::read(&file).map_err(|error| format!("cannot read {file}: {error}"))?;
    let binary = Binary::parse(&bytes).map_err(|error| format!("{file}: {error}"))?;
    let layout = match against {
        Some(version) => {
            Layout::of(&version).ok_or_else(|| format!("there is no layout of V8 {version}"))?
        }
        None => Layout::of(&binary.version).unwrap_or(Layout::ALL[Layout::ALL.len() - 1]),
    };
    let differences = print(&binary, layout);
    Ok(ExitCode::from(u8::from(differences > 0)))
}

/// What a binary states.
struct Binary {
    /// V8's version, as far as the embedder's suffix.
    version: String,
    /// All symbols of the prefix, by name.
    constants: BTreeMap<String, i32>,
    /// The names of the root table in its order, where the binary has them.
    roots: Vec<String>,
}

type Elf<'data> = ElfFile<'data, FileHeader64<LittleEndian>>;

impl Binary {
    fn parse(bytes: &[u8]) -> Result<Binary, Box<dyn Error>> {
        let elf = Elf::parse(bytes)?;
        // V8's internal names left the exported symbols with 13.6; official builds have them among the local ones.
        let symbols: BTreeMap<&str, (u64, u64)> = elf
            .symbols()
            .chain(elf.dynamic_symbols())
            .filter(ObjectSymbol::is_definition)
            .filter_map(|symbol| Some((symbol.name().ok()?, (symbol.address(), symbol.size()))))
            .collect();
        let number = |name: &str| Some(read_number(&elf, symbols.get(name)?.0));
        let constants: BTreeMap<String, i32> = symbols
            .keys()
            .filter(|name| name.starts_with(PREFIX))
            .filter_map(|name| Some(((*name).to_owned(), number(name)?)))
            .collect();
        if constants.is_empty() {
            return Err("no v8dbg_* symbol: this is no program with V8 in it".into());
        }
        let version = ["major", "minor", "build", "patch"].map(|part| {
            let symbol = format!("_ZN2v88internal7Version{}{part}_E", part.len() + 1);
            number(&symbol).map_or("?".to_owned(), |number| number.to_string())
        });
        let roots = symbols
            .get("_ZN2v88internal10RootsTable11root_names_E")
            .map_or(Vec::new(), |&(address, size)| {
                (address..address + size)
                    .step_by(8)
                    .map_while(|slot| read_string(&elf, read_pointer(&elf, slot)?))
                    .collect()
            });
        Ok(Binary {
            version: version.join("."),
            constants,
            roots,
        })
    }
}

/// The bytes from `address` to the end of what the file has there.
fn bytes_at<'data>(elf: &Elf<'data>, address: u64) -> Option<&'data [u8]> {
    elf.segments().find_map(|segment| {
        let offset = address.checked_sub(segment.address())?;
        let data = segment.data().ok()?;
        data.get(usize::try_from(offset).ok()?..)
            .filter(|rest| !rest.is_empty())
    })
}

/// Constants that are zero lie where the file has no bytes.
fn read_number(elf: &Elf, address: u64) -> i32 {
    bytes_at(elf, address)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| i32::from_le_bytes(*bytes))
}

fn read_pointer(elf: &Elf, address: u64) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes_at(elf, address)?.first_chunk()?))
}

fn read_string(elf: &Elf, address: u64) -> Option<String> {
    let bytes = bytes_at(elf, address)?;
    let end = bytes.iter().position(|&byte| byte == 0)?;
    String::from_utf8(bytes[..end].to_vec()).ok()
}

/// The class hierarchy is no number of the heap.
fn is_layout_constant(symbol: &str) -> bool {
    !symbol.starts_with("v8dbg_parent_")
}

fn print_constants(binary: &Binary, _: &Layout) -> usize {
    for (symbol, value) in &binary.constants {
        if is_layout_constant(symbol) {
            println!("{symbol} {value}");
        }
    }
    0
}

fn print_roots(binary: &Binary, _: &Layout) -> usize {
    for name in &binary.roots {
        println!("{name}");
    }
    0
}

/// Prints everything and returns the number of differences.
fn report(binary: &Binary, layout: &Layout) -> usize {
    let (major, minor) = layout.version;
    println!(
        "V8 {} against the layout of {major}.{minor}",
        binary.version
    );
    let has_layout = Layout::of(&binary.version).is_some();
    println!(
        "its own layout: {}",
        if has_layout { "there is one" } else { "none" }
    );
    println!("\nsymbol                              in the binary, in the layout");
    let stated: BTreeMap<String, i32> = debug_constants::stated(layout)
        .map(|stated| (stated.symbol, stated.layout))
        .collect();
    for (symbol, value) in &binary.constants {
        if is_layout_constant(symbol) {
            let layout = stated.get(symbol).map_or("-".to_owned(), i32::to_string);
            println!("  {symbol} {value} {layout}");
        }
    }
    let compared = stated
        .keys()
        .filter(|symbol| binary.constants.contains_key(*symbol))
        .count();
    println!("{compared} constants are compared when the reader is armed");

    section(
        "constants that disagree (heap/layout)",
        constant_differences(binary, layout),
    ) + section(
        "fields under a name that is not known (heap/layout/debug_constants.rs)",
        renamed_fields(binary, layout),
    ) + section(
        "instance types (heap/layout/instance_types.rs)",
        instance_type_differences(binary, layout),
    ) + section(
        "root table (heap/layout/roots)",
        root_differences(binary, layout),
    )
}

fn section(title: &str, differences: Vec<String>) -> usize {
    println!("\n{title}: {}", differences.len());
    for difference in &differences {
        println!("  {difference}");
    }
    differences.len()
}

/// Fields and masks, without the instance types.
fn constant_differences(binary: &Binary, layout: &Layout) -> Vec<String> {
    let differences: BTreeSet<String> = debug_constants::stated(layout)
        .filter(|stated| !stated.symbol.starts_with("v8dbg_type_"))
        .filter_map(|stated| {
            let found = *binary.constants.get(&stated.symbol)?;
            (found != stated.layout).then(|| {
                let debug_constants::Stated { symbol, layout } = stated;
                format!("{symbol}: {found} in the binary, {layout} in the layout")
            })
        })
        .collect();
    differences.into_iter().collect()
}

/// Fields that are compared, but that the binary exports with another C++ type only.
fn renamed_fields(binary: &Binary, layout: &Layout) -> Vec<String> {
    let mut spellings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for stated in debug_constants::stated(layout) {
        if let Some(field) = field_of(&stated.symbol) {
            spellings
                .entry(field.to_owned())
                .or_default()
                .push(stated.symbol);
        }
    }
    spellings
        .iter()
        .filter(|(_, known)| {
            !known
                .iter()
                .any(|symbol| binary.constants.contains_key(symbol))
        })
        .flat_map(|(field, _)| {
            binary
                .constants
                .iter()
                .filter(move |(symbol, _)| field_of(symbol) == Some(field))
        })
        .map(|(symbol, value)| format!("{symbol}: {value} in the binary"))
        .collect()
}

/// `v8dbg_class_Map__prototype` of `v8dbg_class_Map__prototype__Object`.
fn field_of(symbol: &str) -> Option<&str> {
    let is_field = symbol.starts_with("v8dbg_class_") && symbol.matches("__").count() > 1;
    is_field
        .then(|| symbol.rsplit_once("__"))
        .flatten()
        .map(|(field, _)| field)
}

fn instance_type_differences(binary: &Binary, layout: &Layout) -> Vec<String> {
    let Some(column) = COLUMNS
        .iter()
        .position(|&version| version == layout.version)
    else {
        return vec!["the layout has no column".to_owned()];
    };
    // V8 writes digits now apart from what follows them and now not.
    let key = |name: &str| name.replace('_', "");
    let known: BTreeMap<String, u16> = ROWS
        .iter()
        .filter(|(_, _, numbers)| numbers[column] != ABSENT)
        .map(|(class, _, numbers)| (key(&instance_type_name(class)), numbers[column]))
        .collect();
    let types: BTreeMap<&str, i32> = binary
        .constants
        .iter()
        .filter_map(|(symbol, &value)| {
            let (_, name) = symbol.strip_prefix("v8dbg_type_")?.split_once("__")?;
            Some((name, value))
        })
        .collect();
    let named: BTreeSet<i32> = types
        .iter()
        .filter(|(name, _)| known.contains_key(&key(name)))
        .map(|(_, &number)| number)
        .collect();
    types
        .iter()
        .filter_map(|(name, value)| match known.get(&key(name)) {
            Some(&number) if i32::from(number) == *value => None,
            Some(number) => Some(format!(
                "{name}: {value} in the binary, {number} in the layout"
            )),
            // A class without a number of its own, such as DependentCode, which is a WeakArrayList.
            None if named.contains(value) => None,
            None => Some(format!("{name}: {value} in the binary, no row has it")),
        })
        .collect()
}

fn root_differences(binary: &Binary, layout: &Layout) -> Vec<String> {
    if binary.roots.is_empty() {
        println!("\nthe binary has no names of roots: only unstripped ones do");
        return Vec::new();
    }
    let known: Vec<&str> = layout.root_names.lines().collect();
    let of_layout: BTreeSet<&str> = known.iter().copied().collect();
    let of_binary: BTreeSet<&str> = binary.roots.iter().map(String::as_str).collect();
    let gone = of_layout
        .difference(&of_binary)
        .map(|name| format!("{name}: not in the binary"));
    let new = of_binary
        .difference(&of_layout)
        .map(|name| format!("{name}: not in the layout"));
    let mut differences: Vec<String> = gone.chain(new).collect();
    let first_moved = binary
        .roots
        .iter()
        .zip(&known)
        .position(|(found, known)| found != known);
    if let Some(index) = first_moved {
        differences.push(format!(
            "the order differs from number {index} on: {} in the binary, {} in the layout",
            binary.roots[index], known[index]
        ));
    }
    if binary.roots.len() != known.len() {
        differences.push(format!(
            "{} names in the binary, {} in the layout",
            binary.roots.len(),
            known.len()
        ));
    }
    differences
}
