// What the tests of the chat do with its page in Chromium.

import assert from "node:assert/strict";

import { open_page, shows_state, until } from "./chromium.mjs";

/** Opens the chat's page from `origin` and joins. */
export async function join(browser, origin, room, nickname, options) {
  const window = await open_page(browser, origin, options);
  await window.page.goto(`${origin}/chat.html`);
  await enter(window.page, room, nickname);
  await shows_state(window.page, "in");
  return window;
}

export async function enter(page, room, nickname) {
  await page.locator("#room").fill(room);
  await page.locator("#nickname").fill(nickname);
  await page.locator("#join").click();
}

export async function say(page, text) {
  await page.locator("#text").fill(text);
  await page.locator("#text").press("Enter");
}

/** What the page shows: the offset and the words of each stored message, from top to bottom. */
export function messages(page) {
  return page
    .locator("#messages li[data-offset]")
    .evaluateAll((all) => all.map((one) => ({ offset: Number(one.dataset.offset), words: one.innerText })));
}

/** Waits until the page shows as many messages, and returns them. */
export function shows_messages(page, count) {
  return until(`${count} messages`, async () => {
    const shown = await messages(page);
    return shown.length >= count && shown;
  });
}

/** Each of `texts` is shown once, in this order, and the offsets rise. */
export function assert_shown(shown, texts) {
  assert.equal(shown.length, texts.length, JSON.stringify(shown));
  texts.forEach((text, at) => assert.ok(shown[at].words.includes(text), `${JSON.stringify(shown[at])}: no "${text}"`));
  for (let at = 1; at < shown.length; at++) assert.ok(shown[at - 1].offset < shown[at].offset, "offsets do not rise");
}
