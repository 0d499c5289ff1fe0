// What our snapshot must have in common with V8's of the same heap, and where it does not yet, why, and what holds.

/** The least agreement of each group. */
export const targets = {
  "user objects by type and constructor, count": 0.9999,
  "user objects by type and constructor, size": 0.9999,
  "strings by content": 0.9999,
  "property, element and context edges": 0.9998,
  "total self size": 0.999,
  "internal edges by name": 0.97,
  "retained size of classes": 0.97,
  locations: 0.999,
};

/** Where a target is missed: the group, the Node versions, what is held instead, and the reason. */
export const shortfalls = [
  {
    group: "locations",
    majors: [18, 20, 22, 24, 26],
    floor: 0.96,
    reason:
      "Functions that WebAssembly exports have no place in ours: it is known to V8's native module alone, outside of the heap. The test's heap has 300 of them.",
  },
  {
    group: "retained size of classes",
    majors: [18],
    floor: 0.92,
    reason:
      "In V8 10.2 other paths from the roots lead to the global object: 4 of 76 classes differ. Not explained yet.",
  },
  {
    group: "retained size of classes",
    majors: [20, 22, 26],
    floor: 0.94,
    reason:
      "It varies from run to run: 1 to 4 classes differ, such as (system) and FinalizationRegistry. Not explained yet.",
  },
];

export const shortfallOf = (group, major) =>
  shortfalls.find((shortfall) => shortfall.group === group && shortfall.majors.includes(major));
