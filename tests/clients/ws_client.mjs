// The client of Node's `ws` against `stickler serve`.
//
//     node ws_client.mjs ws://127.0.0.1:9001 PID [MODE]
//
// It stands in a folder in which package.json has been installed.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import process from "node:process";
import { WebSocket } from "ws";

const [url, pid] = [process.argv[2], Number(process.argv[3])];
// What `--deflate` the server was started with: whether contexts are taken over.
// What the answer says to an offer of nothing but the extension.
const SAID = {
  on: { server_no_context_takeover: true },
  lean: { server_no_context_takeover: true, client_no_context_takeover: true },
  takeover: {},
}[process.argv[4] ?? "on"];
const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
// The default of --max-message-size, inclusive.
const LARGEST = 16 << 20;
const PATIENCE_MS = 60_000;

async function open(path = "", protocols = [], options = {}) {
  const socket = new WebSocket(url + path, protocols, { perMessageDeflate: false, maxPayload: 0, ...options });
  await once(socket, "open");
  return socket;
}

async function close(socket, code = 1000, reason = "") {
  socket.close(code, reason);
  const [received] = await once(socket, "close");
  assert.equal(received, code);
}

const scenarios = {
  "every message comes back, kind for kind, at every form of the length": async () => {
    const socket = await open();
    for (const size of [...SIZES, LARGEST]) {
      for (const binary of [false, true]) {
        const sent = Buffer.alloc(size, binary ? 0xfe : "é€😀 ");
        // A character that the end of the buffer cuts is made whole.
        const message = binary ? sent : Buffer.from(sent.toString("latin1").replace(/[^ -~]+$/, ""), "latin1");
        socket.send(message, { binary });
        const [echo, isBinary] = await once(socket, "message");
        assert.equal(isBinary, binary);
        assert.ok(message.equals(echo), `${size}`);
      }
    }
    await close(socket);
  },

  "messages in fragments, with a Ping between two": async () => {
    const socket = await open();
    const echo = once(socket, "message");
    const pong = once(socket, "pong");
    socket.send("before ", { fin: false });
    socket.ping("between");
    socket.send("", { fin: false });
    socket.send("after", { fin: true });
    assert.equal((await pong)[0].toString(), "between");
    assert.equal((await echo)[0].toString(), "before after");
    await close(socket);
  },

  "5000 messages sent ahead come back in order": async () => {
    const socket = await open();
    let next = 0;
    const all = new Promise((resolve) => {
      socket.on("message", (echo) => {
        assert.equal(echo.toString(), `${next}`);
        next += 1;
        if (next === 5000) resolve();
      });
    });
    for (let number = 0; number < 5000; number += 1) socket.send(`${number}`);
    await all;
    await close(socket);
  },

  "200 connections at once": async () => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => open("/echo")));
    await Promise.all(sockets.map(async (socket, number) => {
      const echo = once(socket, "message");
      socket.send(`${number}`);
      assert.equal((await echo)[0].toString(), `${number}`);
      await close(socket);
    }));
  },

  "permessage-deflate with every parameter, both kinds of message (RFC 7692)": async () => {
    for (const offer of [
      true,
      { threshold: 0 },
      { threshold: 0, serverNoContextTakeover: true },
      { threshold: 0, clientNoContextTakeover: true },
      { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
      { threshold: 0, clientMaxWindowBits: 9 },
      ...[8, 9, 10, 12, 15].map((serverMaxWindowBits) => ({ threshold: 0, serverMaxWindowBits })),
    ]) {
      const socket = await open("", [], { perMessageDeflate: offer });
      assert.equal(socket.extensions, "permessage-deflate");
      for (const size of [0, 1, 127, 128, 1000, 40_000, 65_536, 300_000]) {
        const messages = [Buffer.alloc(size, "no end of words, "), Buffer.alloc(size, 0xfe), randomBytes(size)];
        for (const message of [...messages, messages[0]]) {
          const binary = message !== messages[0];
          socket.send(message, { binary });
          const [echo, isBinary] = await once(socket, "message");
          assert.equal(isBinary, binary);
          assert.ok(message.equals(echo), `${JSON.stringify(offer)} ${size}`);
        }
      }
      await close(socket);
    }
  },

  "the answer says whether contexts are taken over (RFC 7692 7.1.1)": async () => {
    for (const [offer, expected] of [
      [{}, SAID],
      [{ serverNoContextTakeover: true, clientNoContextTakeover: true },
        { server_no_context_takeover: true, client_no_context_takeover: true }],
    ]) {
      const socket = new WebSocket(url, [], { perMessageDeflate: offer });
      const opened = once(socket, "open");
      const [response] = await once(socket, "upgrade");
      const [name, ...parameters] = response.headers["sec-websocket-extensions"].split(/\s*;\s*/);
      assert.equal(name, "permessage-deflate");
      const said = Object.fromEntries(parameters.filter((one) => !one.includes("=")).map((one) => [one, true]));
      assert.deepEqual(said, expected);
      await opened;
      await close(socket);
    }
  },

  "fragments and a Ping between them, compressed": async () => {
    const socket = await open("", [], { perMessageDeflate: { threshold: 0 } });
    for (let round = 0; round < 3; round += 1) {
      const echo = once(socket, "message");
      const pong = once(socket, "pong");
      socket.send("before ".repeat(100), { fin: false });
      socket.ping("between");
      socket.send("", { fin: false });
      socket.send("after ".repeat(100), { fin: true });
      assert.equal((await pong)[0].toString(), "between");
      assert.equal((await echo)[0].toString(), "before ".repeat(100) + "after ".repeat(100));
    }
    await close(socket);
  },

  "nothing is compressed for a client that does not offer it": async () => {
    const socket = await open();
    assert.equal(socket.extensions, "");
    await close(socket);
  },

  "of the subprotocols the first in the client's order that the server speaks": async () => {
    const socket = await open("", ["other", "chat.v2", "chat.v1"]);
    assert.equal(socket.protocol, "chat.v2");
    await close(socket);
  },

  "a Close is answered with its code (RFC 6455 5.5.1)": async () => {
    for (const code of [1000, 1001, 1003, 1011, 1014, 3000, 4999]) await close(await open(), code, "reason €");
  },

  "text that is not UTF-8 is failed with 1007, a message over the limit with 1009": async () => {
    for (const [message, binary, code, section] of [
      [Buffer.from([0x76, 0xff]), false, 1007, "RFC 6455 8.1: "],
      [Buffer.alloc(LARGEST + 1), true, 1009, "RFC 6455 10.4: "],
    ]) {
      const socket = await open();
      const closed = once(socket, "close");
      socket.send(message, { binary });
      const [received, reason] = await closed;
      assert.equal(received, code);
      assert.ok(reason.toString().startsWith(section), reason.toString());
    }
  },

  "refusals name their status": async () => {
    for (const [path, options, status] of [
      ["/nowhere", {}, 404],
      ["", { protocolVersion: 8 }, 426],
      ["", { headers: { Host: "a b" } }, 400],
      ["", { headers: { Expect: "the impossible" } }, 417],
    ]) {
      const socket = new WebSocket(url + path, [], options);
      const [request, response] = await once(socket, "unexpected-response");
      assert.equal(response.statusCode, status);
      response.resume();
      await once(response, "end");
      request.destroy();
    }
  },

  "SIGTERM closes every connection with 1001": async () => {
    const sockets = [await open(), await open("/echo")];
    const closed = sockets.map((socket) => once(socket, "close"));
    process.kill(pid, "SIGTERM");
    for (const [code] of await Promise.all(closed)) assert.equal(code, 1001);
  },
};

let failed = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("took too long")), PATIENCE_MS);
  });
  try {
    await Promise.race([scenario(), late]);
    console.log("ok     ", name);
  } catch (error) {
    failed += 1;
    console.log("FAILED ", name);
    console.log(error);
  }
  clearTimeout(timer);
}
console.log(`${Object.keys(scenarios).length} scenarios, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
