"use strict";

// The constants of the layouts that no check catches when they are shifted: on which Node versions, and why. The test of the
// layouts fails when one is missing here, and when one that is listed is caught.
exports.uncaught = [
  {
    constant: "page.flags",
    nodes: [18, 20, 22, 24, 26],
    reason: "isolates share pages under V8's flag --shared-string-table alone, which is off",
  },
  {
    constant: "page.shared_flag",
    nodes: [18, 20, 22, 24, 26],
    reason: "as page.flags",
  },
  {
    constant: "scope_info.has_locals_block_list",
    nodes: [18, 20, 22],
    reason: "only scopes that a debugger has evaluated an expression in have such a list",
  },
];
