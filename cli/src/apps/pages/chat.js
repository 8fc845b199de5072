"use strict";
// The page of the chat. What a peer sent goes into the page as text only, never as markup.

const part = id => document.getElementById(id);
const [entry, saying, textField, noticeLine] = ["entry", "saying", "text", "notice"].map(part);
const messageList = part("messages");
const messageScroll = part("messages-scroll");

const SUBPROTOCOL = "stickler.chat.v1";
const STORED = "stickler.chat";
const SHOWN_MOST = 1000;
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 10000;

// Where we are, or want to be: { server, room, nickname, secret }. It stays when the page is loaded again.
let place = null;
// What this page has seen last: { epoch, offset }. Not stored, as the messages are not.
let seen = null;
let socket = null;
let isIn = false;
let pause = FIRST_PAUSE;
let retry = 0;
let limits = null;
// Own messages that the room has not shown yet, by id.
const unsent = new Map();
const present = new Set();
const typists = new Map();
let typedAt = 0;

// ---- state

function setState(state, text) {
  part("state").dataset.state = state;
  part("state").textContent = text;
  const wanted = place !== null;
  part("join").disabled = wanted;
  part("leave").disabled = !wanted;
  for (const id of ["server", "room", "nickname"]) part(id).disabled = wanted;
  textField.disabled = part("say").disabled = !wanted || (!isIn && state !== "joining");
}

const notice = text => { noticeLine.textContent = text; };

function store() {
  try {
    if (place) sessionStorage.setItem(STORED, JSON.stringify(place));
    else sessionStorage.removeItem(STORED);
  } catch { /* Without storage a nickname is only kept while the page is. */ }
}

function stored() {
  try { return JSON.parse(sessionStorage.getItem(STORED)); } catch { return null; }
}

// ---- the connection

function serverUrl(text) {
  const given = text.includes("://") ? text : `${location.protocol === "https:" ? "wss" : "ws"}://${text}`;
  const url = new URL(given);
  url.protocol = url.protocol.replace(/^http/, "ws");
  if (!/^wss?:$/.test(url.protocol)) throw new Error("The server's address begins with ws:// or wss://.");
  if (url.pathname === "/") url.pathname = "/chat";
  url.hash = "";
  return url.href;
}

function connect() {
  clearTimeout(retry);
  isIn = false;
  setState("joining", `Joining ${place.room}…`);
  let opening;
  try {
    opening = new WebSocket(place.server, SUBPROTOCOL);
  } catch (error) {
    return giveUp(`This address cannot be used: ${error.message}`);
  }
  socket = opening;
  let wasOpen = false;
  opening.onopen = () => {
    wasOpen = true;
    const join = { type: "join", room: place.room, nickname: place.nickname };
    if (place.secret) join.secret = place.secret;
    if (seen) join.after = seen;
    send(join);
  };
  opening.onmessage = event => {
    if (socket === opening) hear(JSON.parse(event.data));
  };
  opening.onclose = event => {
    if (socket !== opening) return;
    if (!wasOpen) {
      notice("The server does not answer, or does not let this page in. If the page comes from another host, its operator " +
        "names it with --allowed-origin.");
    } else if (event.code !== 1000) {
      notice(`The connection was lost (${event.code}${event.reason ? ", " + event.reason : ""}).`);
    }
    again();
  };
}

// After a loss: again and again, more and more seldom.
function again(atOnce = false) {
  if (socket) {
    const old = socket;
    socket = null;
    old.close();
  }
  isIn = false;
  if (!place) return;
  const wait = atOnce ? 0 : pause * (0.75 + Math.random() / 2);
  pause = Math.min(pause * 2, LONGEST_PAUSE);
  setState("joining", `Connecting to ${place.room} again…`);
  clearTimeout(retry);
  retry = setTimeout(connect, wait);
}

function giveUp(why) {
  leaveNow();
  notice(why);
}

function leaveNow() {
  clearTimeout(retry);
  const old = socket;
  socket = null;
  isIn = false;
  place = null;
  seen = null;
  store();
  if (old) old.close(1000);
  present.clear();
  typists.clear();
  for (const message of unsent.values()) clearTimeout(message.timer);
  showMembers();
  showTypists();
  setState("out", "Not in a room");
}

function send(message) {
  if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}

// ---- what the server says

const answers = {
  joined(message) {
    isIn = true;
    pause = FIRST_PAUSE;
    Object.assign(place, { room: message.room, nickname: message.nickname, secret: message.secret });
    limits = message.limits;
    store();
    notice("");
    if (message.gap) mark("Some messages are missing here.");
    message.history.forEach(showMessage);
    seen = { epoch: message.epoch, offset: message.offset };
    present.clear();
    message.members.forEach(name => present.add(name));
    showMembers();
    setState("in", `In ${message.room} as ${message.nickname}`);
    for (const own of unsent.values()) {
      // One that was stored by a server that is gone may be lost; one that is stored is not stored twice.
      own.isAccepted = false;
      say(own);
    }
  },
  message(message) {
    showMessage(message);
    seen = { epoch: message.epoch, offset: message.offset };
    typists.delete(message.nickname);
    showTypists();
  },
  accepted(message) {
    const own = unsent.get(message.id);
    if (!own) return;
    own.isAccepted = true;
    clearTimeout(own.timer);
    // The message itself follows, or came already.
    if (find(message.epoch, message.offset)) settle(message.id);
  },
  refused(message) {
    // Only this try was refused: an earlier one may have been stored.
    if (unsent.get(message.id)?.item.dataset.fate === "unknown") return answers.unknown(message);
    retryLater(message.id, "refused", `not stored: ${message.message}`);
  },
  unknown(message) { retryLater(message.id, "unknown", "it is not known whether it was stored; asking again"); },
  came(message) { present.add(message.nickname); showMembers(); },
  left(message) {
    present.delete(message.nickname);
    typists.delete(message.nickname);
    showMembers();
    showTypists();
  },
  typing(message) {
    if (message.nickname === place.nickname) return;
    clearTimeout(typists.get(message.nickname));
    typists.set(message.nickname, setTimeout(() => {
      typists.delete(message.nickname);
      showTypists();
    }, 4000));
    showTypists();
  },
  gap() {
    // The newest messages fill the gap; what is older than these is lost for this page.
    mark("Some messages did not arrive; asking for them.");
    seen = null;
    again(true);
  },
  degraded() { setState("degraded", `In ${place.room}, but messages cannot be stored at present`); },
  restored() {
    setState("in", `In ${place.room} as ${place.nickname}`);
    for (const own of unsent.values()) {
      // One that was stored by a server that is gone may be lost; one that is stored is not stored twice.
      own.isAccepted = false;
      say(own);
    }
  },
  error(message) {
    if (message.id !== undefined && unsent.has(message.id)) {
      if (message.code === "too_fast") return retryLater(message.id, "waiting", "a little slower, please; it goes soon");
      if (message.code === "not_in_a_room") return;
      showFate(unsent.get(message.id), "refused", message.message);
      unsent.delete(message.id);
      return;
    }
    if (message.code === "unavailable" || (message.code === "too_fast" && !isIn)) {
      notice(message.message);
      return again();
    }
    if (!isIn) {
      const field = { nickname: "Nickname: ", room: "Room: ", secret: "Nickname: " }[message.field] ?? "";
      const at = { room: "room", nickname: "nickname", secret: "nickname" }[message.field];
      giveUp(field + message.message);
      if (at) part(at).focus();
      return;
    }
    if (message.code === "taken_over") return giveUp(message.message);
    notice(message.message);
  },
};

function hear(message) {
  if (Object.hasOwn(answers, message.type)) answers[message.type](message);
}

// ---- messages

const find = (epoch, offset) => [...messageList.children].find(item =>
  item.dataset.offset === String(offset) && item.dataset.epoch === epoch);

function showMessage(message) {
  const isOwn = place && message.nickname === place.nickname;
  if (isOwn && unsent.has(message.id)) settle(message.id);
  if (find(message.epoch, message.offset)) return;
  const item = messageItem(message.nickname, message.text, new Date(message.time));
  item.dataset.offset = message.offset;
  item.dataset.epoch = message.epoch;
  if (isOwn) item.dataset.own = "";
  // Behind the last one of a lower number; what fills a gap comes late.
  const later = [...messageList.children].find(known =>
    "fate" in known.dataset || (known.dataset.epoch === message.epoch && Number(known.dataset.offset) > message.offset));
  put(item, later ?? null);
}

function messageItem(nickname, text, time) {
  const item = document.createElement("li");
  const meta = document.createElement("p");
  meta.className = "meta";
  const name = document.createElement("bdi");
  name.textContent = nickname;
  const when = document.createElement("time");
  when.dateTime = time.toISOString();
  when.textContent = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  meta.append(name, when);
  const said = document.createElement("p");
  said.className = "said";
  said.dir = "auto";
  said.textContent = text;
  item.append(meta, said);
  return item;
}

function mark(text) {
  const item = document.createElement("li");
  item.className = "mark";
  item.textContent = text;
  const firstUnsent = [...messageList.children].find(known => "fate" in known.dataset);
  put(item, firstUnsent ?? null);
}

function put(item, before) {
  const isAtEnd = messageScroll.scrollHeight - messageScroll.scrollTop - messageScroll.clientHeight < 60;
  messageList.insertBefore(item, before);
  while (messageList.children.length > SHOWN_MOST) messageList.firstElementChild.remove();
  part("empty").hidden = true;
  if (isAtEnd) messageScroll.scrollTop = messageScroll.scrollHeight;
}

// ---- own messages

function newId() {
  const octets = crypto.getRandomValues(new Uint8Array(12));
  return [...octets].map(octet => octet.toString(16).padStart(2, "0")).join("");
}

function compose(text) {
  const own = { id: newId(), text, pause: 1000, timer: 0, isAccepted: false, item: null };
  own.item = messageItem(place.nickname, text, new Date());
  const fate = document.createElement("span");
  fate.className = "fate";
  own.item.querySelector(".meta").append(fate);
  unsent.set(own.id, own);
  showFate(own, "waiting", "on its way");
  put(own.item, null);
  messageScroll.scrollTop = messageScroll.scrollHeight;
  say(own);
}

function say(own) {
  clearTimeout(own.timer);
  if (!own.isAccepted && isIn) send({ type: "say", id: own.id, text: own.text });
}

function retryLater(id, fate, text) {
  const own = unsent.get(id);
  if (!own) return;
  showFate(own, fate, text);
  clearTimeout(own.timer);
  own.timer = setTimeout(() => say(own), own.pause);
  own.pause = Math.min(own.pause * 2, LONGEST_PAUSE);
}

function showFate(own, fate, text) {
  own.item.dataset.fate = fate;
  own.item.querySelector(".fate").textContent = text;
}

function settle(id) {
  const own = unsent.get(id);
  clearTimeout(own.timer);
  unsent.delete(id);
  own.item.remove();
}

// ---- who is here

function showMembers() {
  part("members").replaceChildren(...[...present].sort((a, b) => a.localeCompare(b)).map(name => {
    const item = document.createElement("li");
    const isolated = document.createElement("bdi");
    isolated.textContent = name;
    item.append(isolated);
    if (place && name === place.nickname) item.append(" (you)");
    return item;
  }));
  part("alone").hidden = present.size > 1;
}

function showTypists() {
  const names = [...typists.keys()].slice(0, 3);
  const nodes = names.flatMap((name, index) => {
    const isolated = document.createElement("bdi");
    isolated.textContent = name;
    return index > 0 ? [", ", isolated] : [isolated];
  });
  if (names.length > 0) nodes.push(names.length > 1 ? " are typing…" : " is typing…");
  part("typing").replaceChildren(...nodes);
}

// ---- what the user does

entry.addEventListener("submit", event => {
  event.preventDefault();
  if (place) return;
  let server;
  try {
    server = serverUrl(part("server").value.trim());
  } catch (error) {
    return notice(error.message);
  }
  const [room, nickname] = ["room", "nickname"].map(id => part(id).value.trim());
  messageList.replaceChildren();
  unsent.clear();
  part("empty").hidden = false;
  place = { server, room, nickname, secret: undefined };
  seen = null;
  pause = FIRST_PAUSE;
  notice("");
  const query = new URLSearchParams();
  if (server !== ownServer()) query.set("server", server);
  query.set("room", room);
  history.replaceState(null, "", `?${query}`);
  connect();
  textField.focus();
});

part("leave").addEventListener("click", () => {
  send({ type: "leave" });
  leaveNow();
  notice("");
  part("nickname").focus();
});

saying.addEventListener("submit", event => {
  event.preventDefault();
  const text = textField.value;
  if (!place || text.trim() === "") return;
  if (limits && ([...text].length > limits.text_chars || new TextEncoder().encode(text).length > limits.text_bytes)) {
    return notice(`A message has at most ${limits.text_chars} characters.`);
  }
  notice("");
  textField.value = "";
  compose(text);
});

textField.addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    saying.requestSubmit();
  }
});

textField.addEventListener("input", () => {
  const now = Date.now();
  if (isIn && textField.value !== "" && now - typedAt > 2000) {
    typedAt = now;
    send({ type: "typing" });
  }
});

// ---- the beginning

const ownServer = () => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/chat`;

const query = new URLSearchParams(location.search);
part("server").value = query.get("server") || ownServer();
part("room").value = query.get("room") || "lobby";
const before = stored();
setState("out", "Not in a room");
if (before && before.room === part("room").value && before.server === part("server").value) {
  // The page was loaded again: its nickname is kept for it.
  place = before;
  part("nickname").value = before.nickname;
  connect();
} else if (matchMedia("(min-width: 50rem)").matches) {
  part("nickname").focus();
}
