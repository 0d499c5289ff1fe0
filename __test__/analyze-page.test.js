"use strict";

// The page of `analyze --html`, clicked through in a real headless Chromium. SCREENSHOTS=<folder> keeps what it looks like.
const assert = require("node:assert/strict");
const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { test, before, after } = require("node:test");
const { pathToFileURL } = require("node:url");
const { folder, run, snapshotOf } = require("./analyze/support");

const screenshots = process.env.SCREENSHOTS;
let browser, page, failures, requests;

/** Debian's package `chromium`, or the one that CHROMIUM names. */
const chromium = () => process.env.CHROMIUM ?? execFileSync("which", ["chromium"], { encoding: "utf8" }).trim();

before(async () => {
  const file = path.join(folder, "report.html");
  const { status, stderr } = run("analyze", snapshotOf("listeners", 24), "--html", file);
  assert.equal(status, 0, stderr);
  const puppeteer = (await import("puppeteer-core")).default;
  browser = await puppeteer.launch({ executablePath: chromium(), args: ["--no-sandbox"] });
  page = await browser.newPage();
  failures = [];
  requests = [];
  page.on("pageerror", (error) => failures.push(error.message));
  page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
  await page.setViewport({ width: 1280, height: 1000 });
  await page.goto(pathToFileURL(file));
});
after(() => browser?.close());

const textOf = (selector) => page.$eval(selector, (element) => element.textContent);
const textsOf = (selector) => page.$$eval(selector, (elements) => elements.map((element) => element.textContent));
const shown = () => textOf("#shown");

test("the first suspect stands there with its path, which is open", async () => {
  assert.match(await textOf(".suspect p"), /^bus\._events\.config in listeners\.js:\d+ is a list of 10\u00a0000 event/);
  assert.deepEqual(
    (await textsOf(".suspect:first-child .path .edge")).slice(-3).map((text) => text.trim()),
    ["variable bus", "._events", ".config"],
  );
});

test("a box of the treemap is opened by a click, and the trail leads back", async () => {
  assert.match(await shown(), /^the whole heap/);
  await page.click("#treemap .box.open");
  assert.doesNotMatch(await shown(), /^the whole heap/);
  assert.equal((await textsOf("#trail button")).length, 2);
  await page.click("#trail button");
  assert.match(await shown(), /^the whole heap/);
});

test("the treemap is used by the keyboard alone: arrows move, Enter opens, Escape goes back", async () => {
  await page.focus("#treemap .box");
  const focused = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
  const left = () => page.evaluate(() => document.activeElement.offsetLeft);
  const first = await focused();
  const start = await left();
  await page.keyboard.press("ArrowRight");
  assert.ok((await left()) > start, "to the right");
  while ((await left()) > start) await page.keyboard.press("ArrowLeft");
  while ((await focused()) !== first) await page.keyboard.press("ArrowUp");
  await page.keyboard.press("Enter");
  const within = await shown();
  assert.doesNotMatch(within, /^the whole heap/);
  await page.keyboard.press("Escape");
  assert.match(await shown(), /^the whole heap/);
  assert.equal(await focused(), first, "the box that was left has the focus");
});

test("one comes to the leak by opening the largest boxes", async () => {
  for (let depth = 0; depth < 20 && !/^Array @/.test(await shown()); depth++) {
    const largest = await page.$("#treemap .box.open");
    if (!largest) break;
    await largest.click();
  }
  assert.match(await shown(), /^Array @\d+ retains 4\.\d MB$/);
  assert.ok((await textsOf("#treemap .box")).some((text) => text.startsWith("10\u00a0000 × reload()")));
});

test("the class table is searched while one types, and sorted by its heads", async () => {
  const names = () => textsOf("#classes tbody td:first-child");
  const all = await names();
  await page.type("#search", "reload listeners");
  assert.deepEqual(await names(), ["reload()"]);
  assert.match(await textOf("#matches"), /^1 of /);
  await page.$eval("#search", (input) => {
    input.value = "";
    input.dispatchEvent(new Event("input"));
  });
  await page.click("#classes th:nth-child(3) button");
  const counts = await textsOf("#classes tbody td:nth-child(3)");
  const numbers = counts.map((text) => Number(text.replaceAll("\u00a0", "")));
  assert.deepEqual(
    numbers,
    [...numbers].sort((a, b) => b - a),
  );
  assert.equal(await page.$eval("#classes th:nth-child(3)", (head) => head.getAttribute("aria-sort")), "descending");
  assert.equal(numbers.length, all.length);
});

test("it is readable in light and dark: text has at least 4.5 times the contrast of what it stands on", async () => {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const least = await page.evaluate(() => {
      const style = getComputedStyle(document.documentElement);
      const luminance = (name) => {
        const [red, green, blue] = style
          .getPropertyValue(name)
          .trim()
          .match(/[0-9a-f]{2}/g)
          .map((part) => parseInt(part, 16) / 255)
          .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      };
      const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
      };
      const grounds = ["--back", "--card", "--object", "--array", "--string", "--code", "--external", "--system"];
      const plain = ["--back", "--card"];
      return Math.min(
        ...grounds.map((ground) => contrast("--text", ground)),
        ...plain.flatMap((ground) => ["--faint", "--accent", "--warm"].map((text) => contrast(text, ground))),
      );
    });
    assert.ok(least >= 4.5, `${scheme}: ${least}`);
    if (screenshots) await page.screenshot({ path: path.join(screenshots, `${scheme}.png`), fullPage: true });
  }
});

test("nothing was loaded but the page, and nothing failed", () => {
  assert.deepEqual([requests.length, failures], [1, []]);
});
