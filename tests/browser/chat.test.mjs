// The page of the chat in Chromium.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { open_chromium, open_page, shows_state, until } from "./chromium.mjs";
import { start_program, start_relay } from "./program.mjs";
import { assert_shown, enter, join, messages, say, shows_messages } from "./room.mjs";

let browser, program, room;
let windows = [];
let rooms = 0;

before(async () => {
  [browser, program] = await Promise.all([open_chromium(), start_program()]);
});
after(() => Promise.all([browser?.close(), program?.stop()]));

beforeEach(() => (room = `room ${++rooms}`));
// Whatever a test does, the page has no error, opens no dialog and asks no other host.
afterEach(async () => {
  const all = windows;
  windows = [];
  await Promise.all(all.map((window) => window.close()));
  all.forEach((window) => window.assert_content());
});

async function joined(nickname, origin = program.origin) {
  const window = await join(browser, origin, room, nickname);
  windows.push(window);
  return window.page;
}

async function opened(address) {
  const window = await open_page(browser, [program.origin, new URL(address).origin]);
  windows.push(window);
  await window.page.goto(address);
  return window.page;
}

const names = (page, nickname) => page.locator("#members", { hasText: nickname }).waitFor();
const has_event = (page, text) => page.locator("body", { hasText: text }).waitFor();

test("two windows see the same messages in the same order", async () => {
  const [ada, bob] = await Promise.all([joined("Ada"), joined("Bob")]);
  await Promise.all([names(ada, "Bob"), names(bob, "Ada")]);
  for (let at = 0; at < 4; at++) await Promise.all([say(ada, `ada ${at}`), say(bob, `bob ${at}`)]);
  const [of_ada, of_bob] = await Promise.all([shows_messages(ada, 8), shows_messages(bob, 8)]);
  assert.deepEqual(
    of_ada.map((one) => one.offset),
    of_bob.map((one) => one.offset),
  );
  const texts = (shown) => shown.map((one) => /(ada|bob) \d/.exec(one.words)[0]);
  assert.deepEqual(texts(of_ada), texts(of_bob));
  assert.equal(new Set(texts(of_ada)).size, 8);
});

test("one that comes late sees the history", async () => {
  const ada = await joined("Ada");
  const texts = ["one", "two", "three"];
  for (const text of texts) await say(ada, text);
  await shows_messages(ada, 3);
  const late = await joined("Late");
  assert_shown(await shows_messages(late, 3), texts);
});

test("typing is shown to the others", async () => {
  const [ada, bob] = await Promise.all([joined("Ada"), joined("Bob")]);
  await names(ada, "Bob");
  await bob.locator("#text").pressSequentially("hm", { delay: 20 });
  await ada.locator("#typing", { hasText: "Bob" }).waitFor();
});

test("a cut connection is made again, and nothing is missed or shown twice", async () => {
  const relay = await start_relay(program.port);
  try {
    const ada = await joined("Ada");
    const bob = await joined("Bob", relay.origin);
    await say(ada, "before");
    await shows_messages(bob, 1);
    relay.down();
    await shows_away(bob);
    for (const text of ["missed 1", "missed 2", "missed 3"]) await say(ada, text);
    await shows_messages(ada, 4);
    relay.up();
    await shows_state(bob, "in");
    await say(ada, "afterwards");
    assert_shown(await shows_messages(bob, 5), ["before", "missed 1", "missed 2", "missed 3", "afterwards"]);
    assert.deepEqual(
      (await messages(bob)).map((one) => one.offset),
      (await shows_messages(ada, 5)).map((one) => one.offset),
    );
  } finally {
    relay.stop();
  }
});

test("what is said while the connection is cut is waiting, and arrives once", async () => {
  const relay = await start_relay(program.port);
  try {
    const ada = await joined("Ada");
    const bob = await joined("Bob", relay.origin);
    await names(ada, "Bob");
    relay.down();
    await shows_away(bob);
    await say(bob, "from afar");
    await bob.locator("#messages li[data-fate]", { hasText: "from afar" }).waitFor();
    relay.up();
    assert_shown(await shows_messages(ada, 1), ["from afar"]);
    assert_shown(await shows_messages(bob, 1), ["from afar"]);
    assert.equal(await bob.locator("#messages li", { hasText: "from afar" }).count(), 1);
  } finally {
    relay.stop();
  }
});

test("a server that was killed and started again has another epoch: a gap is told", async () => {
  let behind = await start_program();
  const relay = await start_relay(behind.port);
  try {
    const ada = await joined("Ada", relay.origin);
    await say(ada, "before");
    await shows_messages(ada, 1);
    relay.down();
    await behind.kill();
    behind = await start_program();
    relay.up(behind.port);
    await shows_state(ada, "in");
    await has_event(ada, /missing|gap|missed|lost/i);
    await say(ada, "a new life");
    await ada.locator("#messages li[data-offset]", { hasText: "a new life" }).waitFor();
  } finally {
    relay.stop();
    await behind.stop();
  }
});

test("markup and bidirectional controls are text", async () => {
  const nasty = `<script>alert(1)</script><img src=x onerror=alert(2)> \u202egnirts\u2066 &amp;`;
  const [ada, bob] = await Promise.all([joined("Ada"), joined("Bob")]);
  await names(ada, "Bob");
  await say(bob, nasty);
  const [shown] = await shows_messages(ada, 1);
  assert.ok(shown.words.includes("<script>alert(1)</script><img src=x onerror=alert(2)>"), shown.words);
  assert.ok(shown.words.includes("&amp;"), shown.words);
  assert.equal(await ada.locator("#messages script, #messages img").count(), 0);
  // What turns the direction in one message turns nothing outside it.
  const is_isolated = await ada
    .locator("#messages li[data-offset]")
    .evaluate((item) =>
      [item, ...item.querySelectorAll("*")].some((one) => /isolate|plaintext/.test(getComputedStyle(one).unicodeBidi)),
    );
  assert.ok(is_isolated);
});

test("a nickname with markup is refused with a word, or is text", async () => {
  const page = await opened(`${program.origin}/chat.html`);
  await enter(page, room, "<b>Ada</b>");
  await until("an answer", async () => {
    const state = await page.locator("#state").getAttribute("data-state");
    return state === "in" || (await page.locator("#notice").innerText()).trim() !== "";
  });
  assert.equal(await page.locator("#members b, #notice b").count(), 0);
});

test("a look-alike of one who is there is refused, and the reason is shown", async () => {
  await joined("Ada");
  const page = await opened(`${program.origin}/chat.html`);
  await enter(page, room, "\u0410d\u0430");
  await page.locator("#notice", { hasText: /nickname|look|taken|confus/i }).waitFor();
  assert.notEqual(await page.locator("#state").getAttribute("data-state"), "in");
});

test("one that leaves is no member any more", async () => {
  const [ada, bob] = await Promise.all([joined("Ada"), joined("Bob")]);
  await names(ada, "Bob");
  await bob.locator("#leave").click();
  await shows_state(bob, "out");
  await until("the departure", async () => !(await ada.locator("#members").innerText()).includes("Bob"));
});

test("the keyboard is enough to join and to speak", async () => {
  const page = await opened(`${program.origin}/chat.html`);
  await page.locator("#room").fill(room);
  await page.locator("#nickname").fill("Keys");
  await page.keyboard.press("Enter");
  await shows_state(page, "in");
  await until("the focus on the text", async () => {
    if ((await page.evaluate(() => document.activeElement?.id)) === "text") return true;
    await page.keyboard.press("Tab");
    return false;
  });
  await page.keyboard.type("typed");
  await page.keyboard.press("Enter");
  assert_shown(await shows_messages(page, 1), ["typed"]);
});

test("a page from another host names the server, once that allows it", async () => {
  const elsewhere = await start_program();
  const allowing = await start_program("--allowed-origin", elsewhere.origin);
  try {
    const address = `${elsewhere.origin}/chat.html?room=${encodeURIComponent(room)}&server=`;
    const page = await opened(address + encodeURIComponent(`ws://127.0.0.1:${allowing.port}/chat`));
    await page.locator("#nickname").fill("Far");
    await page.locator("#join").click();
    await shows_state(page, "in");
    // The first program has not been told to allow it.
    const refused = await opened(address + encodeURIComponent(`ws://127.0.0.1:${program.port}/chat`));
    await refused.locator("#nickname").fill("Far");
    await refused.locator("#join").click();
    await until("the line in the log", () => program.log().includes("allowed-origin"));
    assert.notEqual(await refused.locator("#state").getAttribute("data-state"), "in");
  } finally {
    await Promise.all([elsewhere.stop(), allowing.stop()]);
  }
});

/** The page has seen that it is cut. */
const shows_away = (page) => page.locator('#state:not([data-state="in"])').waitFor();
