// Chromium, and pages in it that must not complain.

import assert from "node:assert/strict";
import process from "node:process";

import { chromium } from "playwright-core";

export const SECONDS = 1000;
/** How long a page may take to show what a test waits for. */
export const PATIENCE = 10 * SECONDS;

export function open_chromium() {
  return chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
}

/**
 * A page in a context of its own. `complaints` collects what must not be: errors on the console (a violation of the
 * Content-Security-Policy is one), exceptions, dialogs, and requests to another origin than `origins` name.
 */
export async function open_page(browser, origins, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (said) => {
    // While a server is away, Chromium itself reports each attempt to connect.
    const is_attempt = /^WebSocket connection to '.*' failed/.test(said.text());
    if (said.type() === "error" && !is_attempt) complaints.push(`console: ${said.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
  page.on("dialog", async (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== "data:" && ![origins].flat().includes(origin)) complaints.push(`request: ${request.url()}`);
  });
  return {
    page,
    assert_content: () => assert.deepEqual(complaints, []),
    close: () => context.close(),
  };
}

/** Repeats `look` until it gives something true, and returns that. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export const shows_state = (page, state) => page.locator(`#state[data-state="${state}"]`).waitFor();
