// Chromium, and pages in it that must not complain.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

import { chromium } from "playwright-core";

export const SECONDS = 1000;
/** How long a page may take to show what a test waits for. */
export const PATIENCE = 30 * SECONDS;

export function open_chromium() {
  const args = ["--no-sandbox"];
  // What playwright answers has no address, and Chromium lets such a page open no connection to this machine.
  if (process.env.PAGES) args.push("--disable-features=LocalNetworkAccessChecks");
  return chromium.launch({ executablePath: process.env.CHROMIUM, args });
}

/**
 * A page in a context of its own. `complaints` collects what must not be: errors on the console (a violation of the
 * Content-Security-Policy is one), exceptions, dialogs, and requests to another origin than `origins` name.
 */
export async function open_page(browser, origins, options = {}) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  if (process.env.PAGES) await context.route(/\.(html|js|css)$|\/$/, serve_from_disk);
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

/** The program's answer, with the file of this name in PAGES for its body: a change of a page needs no build. */
async function serve_from_disk(route) {
  const name = new URL(route.request().url()).pathname.slice(1) || "index.html";
  const path = join(process.env.PAGES, name);
  if (!existsSync(path)) return route.continue();
  await route.fulfill({ response: await route.fetch(), path });
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
