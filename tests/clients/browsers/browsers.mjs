// A browser against a server with TLS.
//
//     node browsers.mjs chromium|firefox PROGRAM wss://127.0.0.1:9443 KEY_SHA256
//
// Chromium takes no other exception than the key of this fingerprint (base64 of SHA-256, as the server's log has it);
// Firefox is told to take any certificate. It prints the version and `ok`, or what went wrong.

import process from "node:process";

const [browser, program, url, key] = process.argv.slice(2);
const page_url = url.replace(/^wss:/, "https:");

// Runs inside the page.
async function converse(url) {
  const opened = (socket) =>
    new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onclose = (event) => reject(new Error(`no opening handshake: ${event.code}`));
    });
  const closed = (socket) => new Promise((resolve) => (socket.onclose = resolve));
  const answer = (socket) => new Promise((resolve) => (socket.onmessage = (event) => resolve(event.data)));

  let socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  await opened(socket);
  if (!socket.extensions.includes("permessage-deflate")) throw new Error("compression was not agreed on");
  for (const length of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    const text = "é€😀, ".repeat(length).slice(0, length).replace(/[\ud800-\udbff]$/, "");
    let echo = answer(socket);
    socket.send(text);
    if ((await echo) !== text) throw new Error(`a text of ${length} came back changed`);
    const bytes = new Uint8Array(length).map((_, at) => (at * 7919) >> 3);
    echo = answer(socket);
    socket.send(bytes);
    const came = new Uint8Array(await echo);
    if (came.length !== length || came.some((byte, at) => byte !== bytes[at])) {
      throw new Error(`${length} bytes came back changed`);
    }
  }
  let end = closed(socket);
  socket.close(3000, "bye");
  let event = await end;
  if (!event.wasClean || event.code !== 3000) throw new Error(`closed with ${event.code}, clean: ${event.wasClean}`);

  const sockets = Array.from({ length: 50 }, () => new WebSocket(url));
  await Promise.all(sockets.map(opened));
  await Promise.all(
    sockets.map(async (one, at) => {
      const echo = answer(one);
      one.send(`${at}`);
      if ((await echo) !== `${at}`) throw new Error("an echo of another connection");
      const end = closed(one);
      one.close();
      if (!(await end).wasClean) throw new Error("a connection did not close cleanly");
    }),
  );

  socket = new WebSocket(`${url}/nowhere`);
  event = await closed(socket);
  if (event.code !== 1006) throw new Error(`a refusal closed with ${event.code}`);
  return "ok";
}

async function with_chromium() {
  const { chromium } = await import("playwright-core");
  const args = [`--ignore-certificate-errors-spki-list=${key}`, "--no-sandbox"];
  const running = await chromium.launch({ executablePath: program, args });
  try {
    const page = await running.newPage();
    await page.goto(page_url);
    return [running.version(), await page.evaluate(converse, url)];
  } finally {
    await running.close();
  }
}

async function with_firefox() {
  const { default: puppeteer } = await import("puppeteer-core");
  const running = await puppeteer.launch({
    browser: "firefox",
    executablePath: program,
    headless: true,
    acceptInsecureCerts: true,
  });
  try {
    const page = await running.newPage();
    await page.goto(page_url);
    return [(await running.version()).replace("firefox/", ""), await page.evaluate(converse, url)];
  } finally {
    await running.close();
  }
}

try {
  const [version, result] = await (browser === "chromium" ? with_chromium() : with_firefox());
  console.log(`${version}\t${result}`);
  process.exit(0);
} catch (error) {
  console.log(`-\t${String(error.message ?? error).split("\n")[0]}`);
  process.exit(1);
}
