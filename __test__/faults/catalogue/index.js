"use strict";

// Every fault: `{ name, tries: { short, long }, run(trial) }`, where `run` resolves to the application that has ended. The
// application runs under the same fault without the module too, and must come to the same end with the same answers.
//
// isKilled: the fault ends the application itself. isMute: nobody can read what is told. isOnlyLiving: the application
// never dies of its memory. hasNoDump: no dump is asked for.
module.exports = ["kills", "limits", "surroundings", "strangers", "own-code", "cycles"].flatMap((file) =>
  require(`./${file}`),
);
