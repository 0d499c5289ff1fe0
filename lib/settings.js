"use strict";

// What an instance goes by: the options that the program gives, in today's words or version 3's, and else the environment.

const { fromEnvironment } = require("./environment");
const { OPTIONS, defined, readOptions } = require("./options");
const { VERSION_3_OPTIONS, fromVersion3 } = require("./version-3");

// Throws for a wrong option of the program; `warn` takes sentences about the environment.
function readSettings(options = {}, warn) {
  const given = fromVersion3(options);
  readOptions(given);
  const check = (option) => readOptions(fromVersion3(option));
  const environment = fromVersion3(fromEnvironment([...OPTIONS, ...VERSION_3_OPTIONS], check, warn));
  return readOptions({ ...environment, ...defined(given) });
}

module.exports = { readSettings };
