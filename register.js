"use strict";

// node -r node-oom-heapdump/register app.js: watches with the defaults, without a line of code, in workers too.

require("./index.js")();
