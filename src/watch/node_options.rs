//! The V8 flags that a Node process was started with, from its command line and from `NODE_OPTIONS`.
//!
//! It knows how options are written, not what any of them means.

/// Options in the order in which V8 reads them: those of `NODE_OPTIONS`, then those of the command line.
#[derive(Debug, Default)]
pub struct NodeOptions(Vec<String>);

impl NodeOptions {
    /// `variable` is the value of `NODE_OPTIONS`, empty when unset; `exec_argv` is `process.execArgv`.
    pub fn new(variable: &str, exec_argv: &[String]) -> Self {
        let written = split(variable).into_iter().chain(exec_argv.iter().cloned());
        Self(written.map(|option| canonical(&option)).collect())
    }

    /// The value of `--name=value`; the last one wins, as it does in V8. `name` is written with hyphens.
    ///
    /// `--name value` does not exist: Node 18 to 26 refuse to start with a V8 flag written that way.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find_map(|option| {
            let (key, value) = option.split_once('=')?;
            (key == name).then_some(value)
        })
    }

    /// Whether `--name` or `--name=value` is among them.
    pub fn has(&self, name: &str) -> bool {
        let key = |option: &String| option.split('=').next() == Some(name);
        self.0.iter().any(key)
    }

    /// Whether `--name` is on: the last of `--name`, `--no-name` and `--noname` wins.
    pub fn is_on(&self, name: &str) -> bool {
        self.0.iter().rev().find_map(|option| match option {
            on if on == name => Some(true),
            off if off.strip_prefix("no")?.trim_start_matches('-') == name => Some(false),
            _ => None,
        }) == Some(true)
    }
}

/// Splits as Node does (`ParseNodeOptionsEnvVar` in `src/node_options.cc`): at spaces outside of double quotes, where a
/// backslash inside of quotes takes the next character literally.
fn split(variable: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut between_options = true;
    let mut characters = variable.chars();
    while let Some(character) = characters.next() {
        let character = match character {
            ' ' if !quoted => {
                between_options = true;
                continue;
            }
            '"' => {
                quoted = !quoted;
                continue;
            }
            '\\' if quoted => characters.next().unwrap_or('\\'),
            other => other,
        };
        match options.last_mut() {
            Some(option) if !between_options => option.push(character),
            _ => options.push(character.into()),
        }
        between_options = false;
    }
    options
}

/// The option without its leading hyphens, its name with hyphens only: V8 takes `-` and `_` for the same.
fn canonical(option: &str) -> String {
    let option = option.strip_prefix('-').unwrap_or(option);
    let option = option.strip_prefix('-').unwrap_or(option);
    match option.split_once('=') {
        Some((name, value)) => format!("{}={value}", name.replace('_', "-")),
        None => option.replace('_', "-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_line(options: &[&str]) -> NodeOptions {
        let options: Vec<String> = options.iter().map(|option| option.to_string()).collect();
        NodeOptions::new("", &options)
    }

    #[test]
    fn hyphens_and_underscores_are_the_same() {
        for written in [
            "--max-old-space-size=60",
            "--max_old-space_size=60",
            "-max_old_space_size=60",
        ] {
            assert_eq!(
                command_line(&[written]).value("max-old-space-size"),
                Some("60")
            );
        }
    }

    #[test]
    fn an_option_is_there_with_a_value_and_without() {
        let options = command_line(&["--heapsnapshot-near-heap-limit", "3", "--stack_size=9"]);
        assert!(options.has("heapsnapshot-near-heap-limit"));
        assert!(options.has("stack-size"));
        assert!(!options.has("stack"));
    }

    #[test]
    fn the_last_of_several_wins() {
        let options = command_line(&["--max-heap-size=1", "--max_heap_size=2"]);
        assert_eq!(options.value("max-heap-size"), Some("2"));
    }

    #[test]
    fn the_command_line_wins_over_the_variable() {
        let options = NodeOptions::new("--max-heap-size=1", &["--max-heap-size=2".into()]);
        assert_eq!(options.value("max-heap-size"), Some("2"));
    }

    #[test]
    fn an_option_whose_name_only_begins_alike_is_another_one() {
        let options = command_line(&["--max-old-space-size-percentage=50"]);
        assert_eq!(options.value("max-old-space-size"), None);
    }

    #[test]
    fn a_switch_is_on_until_it_is_negated() {
        assert!(command_line(&["--optimize_for_size"]).is_on("optimize-for-size"));
        assert!(
            !command_line(&["--optimize-for-size", "--no-optimize-for-size"])
                .is_on("optimize-for-size")
        );
        assert!(
            !command_line(&["--optimize-for-size", "--nooptimize_for_size"])
                .is_on("optimize-for-size")
        );
        assert!(
            command_line(&["--no-optimize-for-size", "--optimize-for-size"])
                .is_on("optimize-for-size")
        );
        assert!(!command_line(&[]).is_on("optimize-for-size"));
    }

    #[test]
    fn the_variable_is_split_at_spaces_outside_of_quotes() {
        assert_eq!(
            split(r#"  --a=1   "--b=c d" --e="f" "#),
            ["--a=1", "--b=c d", "--e=f"]
        );
    }

    #[test]
    fn a_backslash_escapes_inside_of_quotes_only() {
        assert_eq!(
            split(r#"--a="b \" c" --d=e\f"#),
            [r#"--a=b " c"#, r"--d=e\f"]
        );
    }
}
