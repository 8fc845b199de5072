// Plays the conversation of tried.py with one client library for Node: tried.mjs LIBRARY WAY URL.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [library, way, url] = process.argv.slice(2);

function letters(seed, size) {
  let number = seed * 7919 + 1;
  let text = "";
  for (let i = 0; i < size; i += 1) {
    number = Number((BigInt(number) * 1103515245n + 12345n) & 0x7fffffffn);
    text += String.fromCharCode(97 + ((number >> 16) % 26));
  }
  return text;
}

const messages = Array.from({ length: 15 }, (_, number) => letters(number % 5, 2000));
messages.push(letters(9, 60000), ...(process.env.TRIED_EMPTY === "no" ? [] : [""]), "end");

const WAYS = {
  "perMessageDeflate: false": { perMessageDeflate: false },
  "clientMaxWindowBits: 10": { perMessageDeflate: { clientMaxWindowBits: 10, threshold: 0 } },
  "threshold: 0": { perMessageDeflate: { threshold: 0 } },
  "clientNoContextTakeover": { perMessageDeflate: { clientNoContextTakeover: true, threshold: 0 } },
};

function open() {
  switch (library) {
    case "ws": {
      const { WebSocket } = require("ws");
      return new WebSocket(url, WAYS[way] ?? {});
    }
    case "undici": {
      const { WebSocket } = require("undici");
      return new WebSocket(url);
    }
    case "websocket": {
      const { w3cwebsocket: WebSocket } = require("websocket");
      return new WebSocket(url);
    }
    case "faye-websocket": {
      const { Client } = require("faye-websocket");
      const deflate = require("permessage-deflate");
      return new Client(url, [], { extensions: way === "permessage-deflate" ? [deflate] : [] });
    }
  }
}

const client = open();
let at = 0;
client.onopen = () => client.send(messages[0]);
client.onerror = (event) => console.log("error", event.message ?? event.error ?? "");
client.onmessage = (event) => {
  if (event.data !== messages[at]) throw new Error(`message ${at} came back changed`);
  at += 1;
  if (at === messages.length) client.close(1000);
  else client.send(messages[at]);
};
client.onclose = (event) => {
  const is_ok = at === messages.length && event.code === 1000;
  console.log(is_ok ? "ok" : `ended after ${at} echoes with ${event.code} ${event.reason}`);
  process.exit(is_ok ? 0 : 1);
};
setTimeout(() => { console.log(`waits after ${at} echoes`); process.exit(1); }, 40000).unref();
