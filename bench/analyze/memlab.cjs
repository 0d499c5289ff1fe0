// memlab: load, dominators, retained sizes. Its package lies in the folder that the second argument names.
const { getFullHeapFromFile } = require(require.resolve("@memlab/heap-analysis", { paths: [process.argv[3]] }));

getFullHeapFromFile(process.argv[2]).then((heap) => {
  let largest = 0;
  heap.nodes.forEach((node) => (largest = Math.max(largest, node.id > 3 ? node.retainedSize : 0)));
  console.log(largest, "bytes retained at most");
});
