"use strict";

// The constants of the layouts that no check catches when they are shifted: on which Node versions, and why. The test of the
// layouts fails when one is missing here, and when one that is listed is caught.
const noSuchConstant = "the layout of this version has no such constant";
const unread = "nothing that is written depends on it in this version";
const notInTheHeap = "no object of the test's heap shows it";

exports.uncaught = [
  { constant: "function.function_token_offset", nodes: [18, 20, 22, 24, 26], reason: unread },
  { constant: "function.interpreter_data_bytecode", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "function.template_class_name", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "function.code.table", nodes: [18, 20, 22, 24], reason: noSuchConstant },
  { constant: "code.instruction_stream", nodes: [18], reason: noSuchConstant },
  { constant: "page.owner.metadata", nodes: [18, 20, 22], reason: noSuchConstant },
  { constant: "page.flags", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "page.shared_flag", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "script.line_offset", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "script.line_ends", nodes: [18, 20, 22, 24, 26], reason: unread },
  { constant: "buffer.flags", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "weak.finalization_registry_next_dirty", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "sizes.wasm_dispatch_table.0", nodes: [18, 20], reason: noSuchConstant },
  { constant: "sizes.wasm_dispatch_table.1", nodes: [18, 20], reason: noSuchConstant },
  { constant: "sizes.wasm_dispatch_table.1", nodes: [22, 24, 26], reason: notInTheHeap },
  { constant: "scope_info.function_scope", nodes: [18, 20, 22, 24], reason: notInTheHeap },
  { constant: "weak.native_context_slots", nodes: [18, 22, 24, 26], reason: notInTheHeap },
  { constant: "code.deoptimizing_kinds", nodes: [18, 20, 22], reason: notInTheHeap },
  { constant: "function.code", nodes: [18, 20, 22], reason: unread },
  { constant: "function.untrusted_function_data", nodes: [18, 20, 22], reason: noSuchConstant },
  { constant: "function.untrusted_function_data", nodes: [24, 26], reason: notInTheHeap },
  { constant: "code.deoptimization_parts.2", nodes: [18, 20, 22], reason: notInTheHeap },
  { constant: "sizes.instruction_stream.code", nodes: [18, 22, 24, 26], reason: noSuchConstant },
  { constant: "fields.AccessorInfo.data", nodes: [18, 20], reason: notInTheHeap },
  { constant: "tags.PrototypeInfo.16", nodes: [18], reason: notInTheHeap },
  { constant: "tags.PrototypeInfo.24", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "tags.TransitionArray.16", nodes: [18], reason: notInTheHeap },
  { constant: "tags.Map.56", nodes: [18], reason: notInTheHeap },
  { constant: "tags.NativeContext.48", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "tags.RegExpBoilerplateDescription.8", nodes: [18, 20, 22, 24, 26], reason: notInTheHeap },
  { constant: "weak.next_code_link", nodes: [20, 22, 24, 26], reason: noSuchConstant },
  { constant: "fields.ThinString.actual", nodes: [20, 22], reason: notInTheHeap },
  { constant: "sizes.instruction_stream.metadata_size", nodes: [22, 24, 26], reason: noSuchConstant },
  { constant: "scope_info.positions.class_scope", nodes: [24, 26], reason: noSuchConstant },
  { constant: "fields.JsDisposableStack.stack", nodes: [26], reason: notInTheHeap },
  { constant: "fields.JsDisposableStack.error", nodes: [26], reason: notInTheHeap },
  { constant: "fields.JsDisposableStack.error_message", nodes: [26], reason: notInTheHeap },
];
