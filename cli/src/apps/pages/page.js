// The page: one WebSocket to talk over, a log, a burst with its plot, and the gallery of rules.
// Whatever a server sends is shown as text, never as markup.
"use strict";

const byId = (id) => document.getElementById(id);
const MOST_ROWS = 500;
const MOST_SHOWN = 2000;
const IN_FLIGHT = 32;

let socket = null;
// What was sent and has not come back yet, the oldest first: {kind, size, at}.
let awaited = [];
let burst = null;

// ---- Elements

function element(name, text, classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (classes) made.className = classes;
  return made;
}

function size(bytes) {
  if (bytes < 1024) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

function time(ms) {
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;
}

function hex(bytes, most) {
  const shown = Array.from(bytes.subarray(0, most), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length > most ? `${shown} … (${size(bytes.length)})` : shown;
}

// ---- The log

function log(direction, kind, notes, body) {
  const row = element("li");
  row.dataset.direction = direction;
  const meta = element("div", undefined, "meta");
  const arrow = { out: "↑ sent", in: "↓ received", event: "• " }[direction];
  meta.append(element("b", direction === "event" ? kind : `${arrow} ${kind}`));
  notes.forEach((note) => meta.append(element("span", note)));
  meta.append(element("time", new Date().toLocaleTimeString([], { hour12: false })));
  row.append(meta);
  if (body) {
    const text = body.length > MOST_SHOWN ? `${body.slice(0, MOST_SHOWN)} …` : body;
    const shown = element("div", text, "body");
    shown.dir = "auto";
    row.append(shown);
  }
  const list = byId("log");
  const frame = byId("log-scroll");
  const isAtEnd = frame.scrollHeight - frame.scrollTop - frame.clientHeight < 40;
  list.append(row);
  while (list.children.length > MOST_ROWS) list.firstElementChild.remove();
  if (isAtEnd) frame.scrollTop = frame.scrollHeight;
  byId("log-empty").hidden = true;
}

// ---- The connection

function show(state, text) {
  byId("state").dataset.state = state;
  byId("state").textContent = text;
  byId("connect").disabled = state !== "closed";
  byId("disconnect").disabled = state === "closed";
  ["send-text", "send-hex", "send-file", "close", "burst"].forEach((id) => {
    byId(id).disabled = state !== "open";
  });
}

function connect() {
  const names = byId("subprotocol").value.split(",").map((name) => name.trim()).filter(Boolean);
  let opening;
  try {
    opening = new WebSocket(byId("url").value.trim(), names);
  } catch (error) {
    log("event", "not connected", [], error.message);
    show("closed", `Not connected: ${error.message}`);
    return;
  }
  socket = opening;
  socket.binaryType = "arraybuffer";
  awaited = [];
  const begun = performance.now();
  show("connecting", "Connecting…");
  opening.onopen = () => {
    const agreed = [
      `subprotocol: ${opening.protocol || "none"}`,
      `extensions: ${opening.extensions || "none"}`,
    ];
    log("event", "open", [`after ${time(performance.now() - begun)}`], agreed.join("\n"));
    show("open", `Open. ${agreed.join(", ")}`);
  };
  opening.onmessage = (event) => receive(event.data);
  opening.onclose = (event) => {
    const how = event.wasClean ? "after a closing handshake" : "without a closing handshake";
    const code = event.code === 1006 ? "no Close came (1006)" : `status code ${event.code}`;
    log("event", "closed", [code, how], event.reason);
    socket = null;
    endBurst("the connection ended");
    show("closed", `Closed: ${code}${event.reason ? `, “${event.reason}”` : ""}`);
  };
}

function receive(data) {
  const isText = typeof data === "string";
  const kind = isText ? "text" : "binary";
  const bytes = isText ? new TextEncoder().encode(data) : new Uint8Array(data);
  const first = awaited[0];
  const isEcho = first && first.kind === kind && first.size === bytes.length;
  const trip = isEcho ? performance.now() - awaited.shift().at : null;
  if (isEcho && first.isOfBurst) {
    if (burst) receiveOfBurst(trip);
    return;
  }
  const notes = [size(bytes.length)];
  if (trip !== null) notes.push(`round trip ${time(trip)}`);
  log("in", kind, notes, isText ? data : hex(bytes, 64));
}

function send(data, shown) {
  const isText = typeof data === "string";
  const length = isText ? new TextEncoder().encode(data).length : data.byteLength;
  awaited.push({ kind: isText ? "text" : "binary", size: length, at: performance.now() });
  socket.send(data);
  log("out", isText ? "text" : "binary", [size(length)], shown);
}

function sendHex() {
  const digits = byId("hex").value.replace(/[\s,]|0x/g, "");
  const fault = byId("hex-error");
  const isHex = /^([0-9a-fA-F]{2})*$/.test(digits);
  fault.hidden = isHex;
  byId("hex").setAttribute("aria-invalid", String(!isHex));
  if (!isHex) {
    fault.textContent = "Write two hexadecimal digits for each byte, such as 00 ff.";
    return;
  }
  const bytes = Uint8Array.from(digits.match(/../g) || [], (pair) => parseInt(pair, 16));
  send(bytes.buffer, hex(bytes, 64));
}

async function sendFile() {
  const [file] = byId("file").files;
  if (!file) {
    log("event", "no file is chosen", []);
    return;
  }
  const content = await file.arrayBuffer();
  if (socket) send(content, file.name);
}

function close() {
  const reason = byId("close-reason").value;
  const code = Number(byId("close-code").value);
  try {
    socket.close(code, reason);
    log("out", "Close", [`status code ${code}`], reason);
    show("connecting", "Closing…");
  } catch (error) {
    log("event", "not closed", [], error.message);
  }
}

// ---- The burst

function startBurst() {
  const count = Number(byId("burst-count").value);
  burst = { count, size: Number(byId("burst-size").value), sent: 0, trips: [], at: performance.now(), frame: 0 };
  byId("burst").disabled = true;
  log("event", "burst begins", [`${count} messages`, `${size(burst.size)} each`]);
  for (let sent = 0; sent < IN_FLIGHT; sent += 1) sendOfBurst();
}

function sendOfBurst() {
  if (burst.sent >= burst.count || !socket || socket.readyState !== WebSocket.OPEN) return;
  burst.sent += 1;
  awaited.push({ kind: "binary", size: burst.size, at: performance.now(), isOfBurst: true });
  socket.send(new Uint8Array(burst.size).fill(burst.sent & 0xff));
}

function receiveOfBurst(trip) {
  burst.trips.push(trip);
  sendOfBurst();
  if (burst.trips.length === burst.count) {
    endBurst();
  } else if (!burst.frame) {
    burst.frame = requestAnimationFrame(() => {
      if (burst) {
        burst.frame = 0;
        plot(burst);
      }
    });
  }
}

function endBurst(why) {
  if (!burst) return;
  const ended = burst;
  burst = null;
  cancelAnimationFrame(ended.frame);
  const told = plot(ended);
  log("event", why ? `burst cut: ${why}` : "burst ends", [`${ended.trips.length} came back`], told);
  byId("burst").disabled = !socket;
}

// Draws what has come back so far, and gives the same in words.
function plot({ trips, count, size: each, at }) {
  if (trips.length === 0) return "";
  const seconds = (performance.now() - at) / 1000;
  const columns = Math.min(150, trips.length);
  const most = [];
  const median = [];
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * trips.length) / columns);
    const part = trips.slice(from, Math.floor(((column + 1) * trips.length) / columns)).sort((a, b) => a - b);
    median.push(part[Math.floor(part.length / 2)]);
    most.push(part[part.length - 1]);
  }
  const top = Math.max(...most, 0.1);
  const [left, right, high, low] = [92, 590, 34, 180];
  const width = ((right - left) * trips.length) / count;
  const line = (values) => values.map((value, index) => {
    const x = left + (width * (index + 0.5)) / columns;
    return `${index ? "L" : "M"}${x.toFixed(1)} ${(low - ((low - high) * value) / top).toFixed(1)}`;
  }).join("");
  byId("plot").replaceChildren(
    drawn("path", { class: "axis", d: `M${left} ${high}V${low}H${right}M${left} ${high}H${right}` }),
    words(left - 6, high + 4, time(top), "end"),
    words(left - 6, low + 4, "0", "end"),
    words(left, low + 26, "message 1", "start"),
    words(right, low + 26, `message ${count}`, "end"),
    words(left, 22, "round trip:", "start"),
    words(left + 130, 22, "median", "start", "median-name"),
    words(left + 230, 22, "longest", "start", "most-name"),
    drawn("path", { class: "most", d: line(most) }),
    drawn("path", { class: "median", d: line(median) }),
  );
  const sorted = [...trips].sort((a, b) => a - b);
  const at99 = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))];
  const middle = sorted[Math.floor(sorted.length / 2)];
  const rate = Math.round(trips.length / seconds);
  const told = `${rate.toLocaleString("en")} messages and ${size(Math.round(rate * each))} a second each way; ` +
    `round trip ${time(middle)} in the median, ${time(at99)} for 99 %.`;
  byId("throughput").textContent = `${trips.length} of ${count}: ${told}`;
  byId("plot").setAttribute("aria-label", `Round trip of each message of a burst: ${told}`);
  return told;
}

function drawn(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

function words(x, y, text, anchor, classes = "") {
  const made = drawn("text", { x, y, "text-anchor": anchor, class: classes });
  made.textContent = text;
  return made;
}

// ---- The gallery of rules

const gallery = { socket: null, asked: null };

// Asks the server's own WebSocket; it is opened when it is needed.
function ask(request) {
  gallery.asked = request;
  if (gallery.socket && gallery.socket.readyState === WebSocket.OPEN) {
    gallery.socket.send(JSON.stringify(request));
    return;
  }
  if (gallery.socket) return;
  const opening = new WebSocket(own("/violations"));
  gallery.socket = opening;
  opening.onopen = () => opening.send(JSON.stringify(gallery.asked));
  opening.onmessage = (event) => {
    gallery.asked = null;
    answered(JSON.parse(event.data));
  };
  opening.onclose = () => {
    gallery.socket = null;
    if (!gallery.asked) return;
    const text = "The gallery does not answer. Reload the page to try again.";
    const place = gallery.asked.type === "rules" ? byId("rules") : byId("played");
    gallery.asked = null;
    place.replaceChildren(element("p", text, "error"));
  };
}

function answered(answer) {
  if (answer.type === "rules") list(answer.rules);
  else if (answer.type === "played") present(answer);
  else byId("played").replaceChildren(element("p", answer.message, "error"));
}

function list(rules) {
  const place = byId("rules");
  place.className = "";
  place.replaceChildren();
  new Set(rules.map((rule) => rule.side)).forEach((side) => {
    const rows = element("ul");
    rules.filter((rule) => rule.side === side).forEach((rule) => {
      const button = element("button", rule.title);
      button.type = "button";
      button.dataset.rule = rule.id;
      button.title = rule.clause;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => choose(button));
      const row = element("li");
      row.append(button);
      rows.append(row);
    });
    place.append(element("h3", side), rows);
  });
}

function choose(button) {
  document.querySelectorAll("#rules button").forEach((other) => {
    other.setAttribute("aria-pressed", String(other === button));
  });
  ask({ type: "play", id: button.dataset.rule });
}

function present(played) {
  const verdict = element("div", undefined, "verdict");
  const fate = played.code !== null
    ? ["The connection failed with a Close: ", `${played.code}`]
    : ["The opening handshake was refused: ", `${played.status}`];
  const line = element("p", fate[0]);
  line.append(element("strong", fate[1]));
  verdict.append(line);
  const said = element("p", undefined, "quiet");
  if (played.clause) {
    const link = element("a", played.clause);
    const [, rfc, section] = /^RFC (\d+) (.+)$/.exec(played.clause) || [];
    if (rfc) link.href = `https://www.rfc-editor.org/rfc/rfc${rfc}.html#section-${section}`;
    link.rel = "noreferrer";
    said.append(link, played.reason.slice(played.clause.length));
  } else {
    said.textContent = played.reason || "";
  }
  verdict.append(said);
  const place = byId("played");
  place.replaceChildren(
    element("h3", played.title), verdict,
    element("h3", "What the client sent"), ...pieces(played.sent),
    element("h3", "What the server answered"), ...pieces(played.answer),
  );
  place.scrollIntoView({ block: "nearest" });
}

// The heads of HTTP as text, and frames as a table of bytes.
function pieces(all) {
  const heads = all.filter((piece) => /handshake|response|content/.test(piece.word) && piece.text !== null);
  const frames = all.filter((piece) => !heads.includes(piece));
  const shown = heads.map((piece) => element("pre", piece.text.trimEnd()));
  if (frames.length > 0) {
    const table = element("table");
    const head = element("tr");
    ["Bytes", "What they are"].forEach((name) => {
      const cell = element("th", name);
      cell.scope = "col";
      head.append(cell);
    });
    table.append(head);
    frames.forEach((piece) => {
      const row = element("tr");
      const bytes = piece.hex.split(" ");
      const text = bytes.length > 40 ? `${bytes.slice(0, 40).join(" ")} … (${size(bytes.length)})` : piece.hex;
      row.append(element("td", text, "code"));
      const isReason = piece.word === "reason" && piece.text !== null;
      row.append(element("td", isReason ? `reason: “${piece.text}”` : piece.word));
      table.append(row);
    });
    shown.push(table);
  }
  return shown;
}

// ---- The beginning

function own(path) {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}${path}`;
}

function onSubmit(id, then) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    then();
  });
}

async function begin() {
  byId("url").value = own("/");
  onSubmit("connection", () => socket || connect());
  onSubmit("text-form", () => socket && send(byId("text").value, byId("text").value));
  onSubmit("hex-form", () => socket && sendHex());
  onSubmit("file-form", () => socket && sendFile());
  onSubmit("burst-form", () => socket && !burst && startBurst());
  onSubmit("close-form", () => socket && close());
  byId("disconnect").addEventListener("click", () => socket && socket.close());
  byId("clear").addEventListener("click", () => {
    byId("log").replaceChildren();
    byId("log-empty").hidden = false;
  });
  const about = await (await fetch("/page.json")).json();
  // Whatever was typed meanwhile stays.
  if (byId("url").value === own("/")) byId("url").value = own(about.echo);
  byId("version").textContent = `a strict WebSocket server, version ${about.version}`;
  byId("chat-link").hidden = !about.chat;
  ask({ type: "rules" });
}

begin().catch((error) => log("event", "the page is not whole", [], error.message));
