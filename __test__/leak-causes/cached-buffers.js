"use strict";

// Images are cached by address, and an address is never forgotten. The bytes are outside of V8's heap.
const images = {};

function fetchImage(address) {
  return (images[address] ??= Buffer.allocUnsafeSlow(20_000).fill(address.length));
}

exports.fetchImage = fetchImage;
for (let number = 0; number < 600; number++) fetchImage(`https://images.example/${number}.png`);
