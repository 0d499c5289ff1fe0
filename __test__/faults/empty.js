"use strict";

// A process of the application that has nothing to do.
