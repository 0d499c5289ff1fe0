//! Which method makes the dumps of an isolate.

use super::{ArmError, ArmOptions};
use crate::method::{InspectorDumper, Method};
use crate::native::{self, HeapReader};
use crate::v8::Isolate;
use crate::watch::Dumper;

/// Whether the heap reader is used for this isolate.
pub enum Trust {
    /// It is, unless it fails its self-test.
    Native(HeapReader),
    /// The inspector is used. The sentence says why, unless it was asked for.
    Inspector(Option<String>),
}

impl Trust {
    /// What the option `method` and the running V8 allow.
    ///
    /// # Errors
    /// When the native method is demanded, or only it can redact, and it cannot be used.
    pub fn of(isolate: Isolate, options: &ArmOptions) -> Result<Trust, ArmError> {
        let redacts = options.file_options.redact;
        if options.method == Method::Inspector.name() {
            return match redacts {
                true => Err(ArmError::InspectorCannotRedact),
                false => Ok(Trust::Inspector(None)),
            };
        }
        match HeapReader::new(isolate, &options.v8_version) {
            Ok(reader) => Ok(Trust::Native(reader.redacting(redacts))),
            Err(distrust) if redacts => Err(ArmError::NothingRedacts(distrust.to_string())),
            Err(distrust) if options.method == Method::Native.name() => {
                Err(ArmError::NoNativeMethod(distrust.to_string()))
            }
            Err(distrust) => Ok(Trust::Inspector(Some(distrust.to_string()))),
        }
    }

    /// What begins the dumps.
    pub fn dumper(&self) -> Box<dyn Dumper> {
        match self {
            Trust::Native(reader) => reader.dumper(),
            Trust::Inspector(_) => Box::new(InspectorDumper),
        }
    }

    /// The heap reader, if it is to be used now.
    pub fn reader(&self) -> Option<&HeapReader> {
        match self {
            Trust::Native(reader) if native::trust::distrust().is_none() => Some(reader),
            _ => None,
        }
    }

    /// The method that is used now.
    pub fn method(&self) -> Method {
        match self.reader() {
            Some(_) => Method::Native,
            None => Method::Inspector,
        }
    }

    /// Why that is not the native one, where it was wanted.
    pub fn why_not_native(&self) -> Option<&str> {
        match self {
            Trust::Inspector(reason) => reason.as_deref(),
            Trust::Native(_) => native::trust::distrust(),
        }
    }
}
