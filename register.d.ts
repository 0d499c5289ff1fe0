/** Loaded with `node -r` or `--import`, it watches the heap with the options of the environment. It has no exports. */
export {};
