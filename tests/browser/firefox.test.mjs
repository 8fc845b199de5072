// Connect, echo, close and chat once in Firefox.

import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";

import puppeteer from "puppeteer-core";

import { start_program } from "./program.mjs";

const is_missing = !process.env.FIREFOX && "Firefox is not installed";
let browser, program;

before(async () => {
  if (is_missing) return;
  const launch = puppeteer.launch({ browser: "firefox", executablePath: process.env.FIREFOX, headless: true });
  [browser, program] = await Promise.all([launch, start_program()]);
});
after(() => Promise.all([browser?.close(), program?.stop()]));

async function opened(path) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(`${program.origin}${path}`);
  return page;
}

const shows = (page, selector) => page.waitForSelector(selector);
const reads = (page, selector) => page.$$eval(selector, (all) => all.map((one) => one.innerText));

async function shows_text(page, selector, text) {
  for (let tries = 0; tries < 400; tries++) {
    if ((await reads(page, selector)).some((one) => one.includes(text))) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${selector} never showed ${text}`);
}

test("Firefox connects, gets its echo and closes", { skip: is_missing }, async () => {
  const page = await opened("/");
  await page.click("#connect");
  await shows(page, '#state[data-state="open"]');
  await page.type("#text", "hello from Gecko");
  await page.click("#send-text");
  await shows_text(page, '#log li[data-direction="in"]', "hello from Gecko");
  await page.$eval("#close-code", (field) => (field.value = ""));
  await page.type("#close-code", "3001");
  await page.type("#close-reason", "done");
  await page.click("#close");
  await shows(page, '#state[data-state="closed"]');
  await shows_text(page, '#log li[data-direction="event"]', "3001");
});

test("two windows of Firefox chat", { skip: is_missing }, async () => {
  const [ada, bob] = [await joined("Ada"), await joined("Bob")];
  await said(ada, "one");
  await shows_text(bob, "#messages li[data-offset]", "one");
  await said(bob, "two");
  for (const page of [ada, bob]) {
    await shows_text(page, "#messages li[data-offset]", "two");
    const shown = await reads(page, "#messages li[data-offset]");
    assert.equal(shown.length, 2);
    assert.ok(shown[0].includes("one") && shown[1].includes("two"), JSON.stringify(shown));
  }
});

async function joined(nickname) {
  const page = await opened("/chat.html");
  await page.$eval("#room", (field) => (field.value = ""));
  await page.type("#room", "gecko");
  await page.type("#nickname", nickname);
  await page.click("#join");
  await shows(page, '#state[data-state="in"]');
  return page;
}

async function said(page, text) {
  await page.type("#text", text);
  await page.click("#say");
}
