// What the pages look like: axe-core finds nothing, nothing is wider than the window, and a picture of each is kept.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join as path_of } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";

import axe from "axe-core";

import { open_chromium, open_page, shows_state, until } from "./chromium.mjs";
import { start_program } from "./program.mjs";
import { join, say, shows_messages } from "./room.mjs";

const screens = process.env.SCREENS;
const widths = { wide: { width: 1280, height: 900 }, narrow: { width: 375, height: 740 } };

let browser, program;

before(async () => {
  mkdirSync(screens, { recursive: true });
  [browser, program] = await Promise.all([open_chromium(), start_program()]);
});
after(() => Promise.all([browser?.close(), program?.stop()]));

for (const [width, viewport] of Object.entries(widths)) {
  for (const colorScheme of ["light", "dark"]) {
    const kind = `${width}-${colorScheme}`;

    test(`the page at / is accessible, ${kind}`, async () => {
      const window = await open_page(browser, program.origin, { viewport, colorScheme });
      await window.page.goto(`${program.origin}/`);
      await judge(window.page, `page-${kind}-fresh`);
      await use_page(window.page);
      await judge(window.page, `page-${kind}`);
      await window.close();
      window.assert_content();
    });

    test(`the chat is accessible, ${kind}`, async () => {
      const options = { viewport, colorScheme };
      const fresh = await open_page(browser, program.origin, options);
      await fresh.page.goto(`${program.origin}/chat.html`);
      await judge(fresh.page, `chat-${kind}-fresh`);
      const ada = await join(browser, program.origin, kind, "Ada Lovelace", options);
      const bob = await join(browser, program.origin, kind, "بوب", options);
      await use_chat(ada.page, bob.page);
      await judge(ada.page, `chat-${kind}`);
      for (const window of [fresh, ada, bob]) {
        await window.close();
        window.assert_content();
      }
    });
  }
}

async function use_page(page) {
  await page.locator("#connect").click();
  await shows_state(page, "open");
  await page.locator("#text").fill("Hello, strict world");
  await page.locator("#send-text").click();
  await page.locator("#hex").fill("de ad be ef");
  await page.locator("#send-hex").click();
  await page.locator("#text").fill(`a long one: ${"word ".repeat(60)}${"x".repeat(200)}`);
  await page.locator("#send-text").click();
  await page.locator('#log li[data-direction="in"]').nth(2).waitFor();
  await page.locator("#burst-count").fill("300");
  await page.locator("#burst").click();
  await until("a throughput", async () => /300 of 300/.test(await page.locator("#throughput").innerText()));
  await page.locator("#rules button[data-rule]").nth(1).click();
  await page.locator("#played", { hasText: "RFC" }).waitFor();
}

async function use_chat(ada, bob) {
  await ada.locator("#text").fill("Good morning");
  await ada.locator("#say").click();
  await say(bob, "صباح الخير");
  await say(ada, "<b>not bold</b> & a long word: " + "x".repeat(120));
  await say(bob, "A sentence that is long enough to be broken into more than one line on a telephone. ".repeat(3));
  await shows_messages(ada, 4);
  // The page tells it once in two seconds at most.
  await until("typing", async () => {
    await bob.locator("#text").press("m");
    return (await ada.locator("#typing").innerText()).includes("بوب");
  });
}

async function judge(page, name) {
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: path_of(screens, `${name}.png`), fullPage: true });
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  assert.deepEqual(
    violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.target).join(" ")}`),
    [],
  );
  const [shown, whole] = await page.evaluate(() => [document.documentElement.clientWidth, document.documentElement.scrollWidth]);
  assert.ok(whole <= shown, `${name} is ${whole} wide, in a window of ${shown}`);
}
