// The program on a port of its own, and a relay that cuts connections.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import process from "node:process";

/** Starts the program that STICKLER names, and waits until it listens. */
export async function start_program(...args) {
  const child = spawn(process.env.STICKLER, ["--listen", "127.0.0.1:0", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let said = "";
  let log = "";
  child.stderr.on("data", (bytes) => (log += bytes));
  const port = await new Promise((resolve, reject) => {
    child.stdout.on("data", (bytes) => {
      said += bytes;
      const ready = /^listening on ws:\/\/[^\n]*:(\d+)\n/m.exec(said);
      if (ready) resolve(Number(ready[1]));
    });
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`the program ended with status ${status}: ${log}`)));
  });
  const end_by = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await ended;
  };
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    url: `ws://127.0.0.1:${port}/`,
    log: () => log,
    stop: () => end_by("SIGTERM"),
    kill: () => end_by("SIGKILL"),
  };
}

/**
 * A relay before `port`. Each of its connections can be cut as a network would cut it: no Close frame, no answer.
 * It has one address for the browser while the program behind it may change.
 */
export async function start_relay(port) {
  let target = port;
  let is_up = true;
  const pairs = new Set();
  const server = createServer((near) => {
    if (!is_up) return near.resetAndDestroy();
    const far = connect(target, "127.0.0.1");
    const pair = [near, far];
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near]]) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = () => pairs.forEach((pair) => pair.forEach((socket) => socket.destroy()));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    /** Ends every connection, and refuses new ones until `up`. */
    down: () => {
      is_up = false;
      cut();
    },
    up: (port = target) => {
      target = port;
      is_up = true;
    },
    stop: () => {
      cut();
      server.close();
    },
  };
}
