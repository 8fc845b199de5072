// The page at `/` in Chromium.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { open_chromium, open_page, shows_state, until } from "./chromium.mjs";
import { start_program } from "./program.mjs";

let browser, program, window, page;

before(async () => {
  [browser, program] = await Promise.all([open_chromium(), start_program("--subprotocol", "one.v1")]);
});
after(() => Promise.all([browser?.close(), program?.stop()]));

beforeEach(async () => {
  window = await open_page(browser, program.origin);
  page = window.page;
  await page.goto(`${program.origin}/`);
});
// Whatever a test does, the page has no error, opens no dialog and asks no other host.
afterEach(async () => {
  await window.close();
  window.assert_content();
});

async function connect(target = page) {
  await target.locator("#connect").click();
  await shows_state(target, "open");
}

const logged = (direction, text) =>
  page.locator(`#log li[data-direction="${direction}"]`, { hasText: text }).first().waitFor();
const count = (direction) => page.locator(`#log li[data-direction="${direction}"]`).count();

test("the page loads, names itself, and is closed at first", async () => {
  assert.match(await page.title(), /Stickler/i);
  await shows_state(page, "closed");
  assert.equal(await page.locator("#url").inputValue(), program.url);
});

test("a text goes out and comes back", async () => {
  await connect();
  await page.locator("#text").fill("grüße 😀 <b>no element</b>");
  await page.locator("#send-text").click();
  await logged("out", "grüße 😀 <b>no element</b>");
  await logged("in", "grüße 😀 <b>no element</b>");
  assert.equal(await page.locator("#log b", { hasText: "no element" }).count(), 0);
});

test("bytes in hexadecimal go out and come back", async () => {
  await connect();
  await page.locator("#hex").fill("00 ff 5a a5");
  await page.locator("#send-hex").click();
  await logged("in", /00 ?ff ?5a ?a5/i);
});

test("what is not hexadecimal is not sent", async () => {
  await connect();
  await page.locator("#hex").fill("0 xyz");
  await page.locator("#send-hex").click();
  await page.locator('#hex[aria-invalid="true"]').waitFor();
  assert.equal(await count("out"), 0);
});

test("a file goes out and comes back", async () => {
  await connect();
  const buffer = Buffer.alloc(70_000, "stickler");
  await page.locator("#file").setInputFiles({ name: "seventy.bin", mimeType: "application/octet-stream", buffer });
  await page.locator("#send-file").click();
  await logged("out", /70[,. \u00a0\u202f]?000|68\.\d/);
  await logged("in", /70[,. \u00a0\u202f]?000|68\.\d/);
});

test("it closes with the code and the reason that the user gave", async () => {
  await connect();
  await page.locator("#close-code").fill("3042");
  await page.locator("#close-reason").fill("good night");
  await page.locator("#close").click();
  await shows_state(page, "closed");
  await logged("out", "3042");
  await logged("out", "good night");
  await logged("event", "3042");
});

test("it disconnects, and connects again", async () => {
  await connect();
  await page.locator("#disconnect").click();
  await shows_state(page, "closed");
  await connect();
  await page.locator("#text").fill("again");
  await page.locator("#send-text").click();
  await logged("in", "again");
});

test("the subprotocol that was agreed on is shown", async () => {
  await page.locator("#subprotocol").fill("one.v1");
  await connect();
  await until("the subprotocol", async () => /one\.v1/.test(await page.locator("body").innerText()));
});

test("a server that is not there is an event, and the page goes on", async () => {
  await page.locator("#url").fill("ws://127.0.0.1:1/");
  await page.locator("#connect").click();
  await logged("event", /1006|fail|could not|closed/i);
  await shows_state(page, "closed");
  await page.locator("#url").fill(program.url);
  await connect();
});

test("a URL that is none is told", async () => {
  await page.locator("#url").fill("not a url");
  await page.locator("#connect").click();
  await until("a word about it", async () => (await count("event")) > 0 || (await page.locator("#url:invalid").count()) > 0);
  await shows_state(page, "closed");
});

test("a burst draws its latencies and tells the throughput", async () => {
  await connect();
  const empty = await page.locator("#plot").screenshot();
  await page.locator("#burst-count").fill("500");
  await page.locator("#burst-size").fill("64");
  await page.locator("#burst").click();
  await until("a throughput", async () => /500 of 500/.test(await page.locator("#throughput").innerText()));
  const drawn = await page.locator("#plot").screenshot();
  assert.ok(!empty.equals(drawn), "the plot is as empty as before");
});

test("every rule of the gallery is played, with the code and the clause", async () => {
  const buttons = page.locator("#rules button[data-rule]");
  await buttons.first().waitFor();
  const rules = await buttons.evaluateAll((all) => all.map((one) => one.dataset.rule));
  assert.ok(rules.length >= 20, `only ${rules.length} rules`);
  assert.equal(new Set(rules).size, rules.length);
  for (const rule of rules) {
    const before = await page.locator("#played").innerText();
    await page.locator(`#rules button[data-rule="${rule}"]`).click();
    const shown = await until(`the result of ${rule}`, async () => {
      const now = await page.locator("#played").innerText();
      return now !== before && /RFC \d{4} \d/.test(now) && now;
    });
    assert.match(shown, /\b(1\d{3}|4\d{2})\b/, `${rule}: no code`);
    assert.match(shown, /\b[0-9a-f]{2}( ?[0-9a-f]{2})+\b|HTTP\/1\.1/i, `${rule}: no bytes`);
  }
  console.log(`${rules.length} rules played`);
});

test("the keyboard is enough to connect and to send", async () => {
  const tab_to = (id) =>
    until(`the focus on ${id}`, async () => {
      if ((await page.evaluate(() => document.activeElement?.id)) === id) return true;
      await page.keyboard.press("Tab");
      return false;
    });
  await tab_to("connect");
  await page.keyboard.press("Enter");
  await shows_state(page, "open");
  await tab_to("text");
  await page.keyboard.type("typed");
  await tab_to("send-text");
  await page.keyboard.press("Enter");
  await logged("in", "typed");
});
