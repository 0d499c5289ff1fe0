"use strict";

// Makes docs/devtools.png: opens a snapshot of the demo in the DevTools of Chromium, at one object of the class that leaks and
// what keeps it in memory. `npm run demo && node scripts/picture.js [chromium]`

const path = require("node:path");
const { setTimeout: wait } = require("node:timers/promises");
const puppeteer = require("puppeteer-core");

const root = path.join(__dirname, "..");
const snapshot = path.join(root, "demo_snapshot.heapsnapshot");
const [executablePath = "/usr/bin/chromium"] = process.argv.slice(2);

async function main() {
  const browser = await puppeteer.launch({
    executablePath,
    args: ["--no-sandbox"],
    defaultViewport: { width: 1200, height: 620 },
  });
  try {
    const page = await browser.newPage();
    await page.goto("devtools://devtools/bundled/devtools_app.html?panel=heap-profiler");
    const input = await page.waitForSelector("pierce/input[type=file]");
    await input.uploadFile(snapshot);
    await wait(15_000); // The row of the snapshot can be chosen before it is loaded, to no effect.
    await page.mouse.click(80, 140);
    await page.waitForSelector("::-p-text(RenderedPage)", { timeout: 120_000 });
    const row = await page.evaluateHandle(elementWith, "RenderedPage");
    await row.click();
    await page.keyboard.press("ArrowRight");
    await wait(2000);
    await page.keyboard.press("ArrowDown");
    await wait(4000);
    await page.screenshot({ path: path.join(root, "docs", "devtools.png") });
  } finally {
    await browser.close();
  }
}

/** In the page: the element whose own text this is, in shadow trees too. */
function elementWith(text) {
  const isIt = (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() === text;
  const search = (root) => {
    for (const element of root.querySelectorAll("*")) {
      const inside = element.shadowRoot && search(element.shadowRoot);
      if (inside) return inside;
      if ([...element.childNodes].some(isIt)) return element;
    }
    return null;
  };
  return search(document);
}

main();
