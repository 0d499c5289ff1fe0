//! The two methods of making a dump: our heap reader in a frozen child (`native/`), and V8's own generator over the inspector.

use crate::watch::{Danger, Dumper};

/// Which method is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The heap reader.
    Native,
    /// The inspector.
    Inspector,
}

impl Method {
    /// Its name, as the option `method` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Inspector => "inspector",
        }
    }
}

/// Leaves everything to the helper. The isolate must live, and run JavaScript, until the file is complete.
pub struct InspectorDumper;

impl Dumper for InspectorDumper {
    fn begin(&self, danger: Danger) {
        danger.watch.clone().call_for_dump(danger, None);
    }

    fn hurry(&self) {}

    fn needs_javascript(&self) -> bool {
        true
    }
}
