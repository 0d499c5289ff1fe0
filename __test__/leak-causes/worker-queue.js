"use strict";

// Jobs come faster than they are done.
class WorkerQueue {
  constructor() {
    this.jobs = [];
  }
  add(job) {
    this.jobs.push(job);
  }
  work() {
    return this.jobs.shift()?.();
  }
}

const thumbnails = new WorkerQueue();
exports.work = () => thumbnails.work();
for (let number = 0; number < 30_000; number++) {
  const upload = { number, name: `upload-${number}.jpg`, tags: [number, number + 1] };
  thumbnails.add(() => upload.name);
  if (number % 10 === 0) thumbnails.work();
}
