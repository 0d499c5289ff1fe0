//! The edges of machine code: `ExtractCodeReferences`.

use super::{EdgeSink, Extraction};

/// `CodeKind` in the flags of code. src/objects/code.h; `v8dbg_CodeKindFieldMask`.
pub const CODE_KIND_MASK: u32 = 15;

impl<S: EdgeSink> Extraction<'_, '_, S> {
    pub(super) fn code(&mut self) {
        if self.graph.instruction_stream(self.object).is_some() {
            self.code_metadata();
        }
    }

    pub(super) fn instruction_stream(&mut self) {
        if self.graph.layout().code.instruction_stream.is_none() {
            self.code_metadata();
        }
    }

    /// `ExtractCodeReferences`: what the two slots are depends on the code's kind.
    fn code_metadata(&mut self) {
        let code = &self.graph.layout().code;
        let (deoptimization, positions) = (
            u64::from(code.deoptimization_data),
            u64::from(code.position_table),
        );
        let kind = self.object.view().half_word(u64::from(code.flags)) & CODE_KIND_MASK;
        if kind == code.baseline {
            self.internal(self.names.interpreter_data, deoptimization);
            self.internal(self.names.bytecode_offset_table, positions);
        } else if code.deoptimizing_kinds >> kind & 1 == 1 {
            self.internal(self.names.deoptimization_data, deoptimization);
            self.internal(self.names.source_position_table, positions);
        }
    }
}
