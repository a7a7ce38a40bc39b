// Lists the messages of the mailbox. The search and the selected message are in the URL of the page.

import { button, element, headline, when } from "./dom.js";
import { drawMessage, path } from "./message.js";

const REFRESH = 2000;
const TYPING = 250;
const STEP = 200;
const MOST = 1000;
const EXAMPLE = `curl ${location.origin}/api/notifications/send \\
  -H "X-API-Key: $KEY" -H "Content-Type: application/json" \\
  -d '{"email": "ann@example.com", "subject": "Hello", "message": "<p>Hello</p>"}'`;
const byId = (id) => document.getElementById(id);
const state = { channel: "", to: "", q: "", limit: STEP, messages: [], total: 0, chosen: null, active: null, seen: "", newest: null, arrived: 0 };
let latestRequest = 0;

function entry(message) {
  const top = element("span", { className: "top" },
    element("span", { className: `channel ${message.channel}`, textContent: message.channel }),
    element("span", { className: "to", textContent: message.to }),
    element("time", { dateTime: message.received_at, title: when(message.received_at), textContent: shortTime(message.received_at) }));
  const made = element("button", { type: "button", "aria-pressed": String(message.id === state.chosen), tabIndex: -1, onclick: () => choose(message.id) }, top,
    element("span", { className: "subject", textContent: headline(message) }));
  made.dataset.id = message.id;
  const files = message.attachments.length;
  const text = message.text && message.text !== headline(message) ? message.text.slice(0, 160) : "";
  const preview = [files ? `${files} ${files === 1 ? "file" : "files"}` : "", text].filter(Boolean).join(" · ");
  if (preview) made.append(element("span", { className: "preview", textContent: preview }));
  return element("li", {}, made);
}

function shortTime(moment) {
  const at = new Date(moment);
  const today = at.toDateString() === new Date().toDateString();
  return today ? at.toLocaleTimeString() : at.toLocaleDateString();
}

// Roving tabindex: the Tab key focuses one message of the list, the arrow keys move between messages.
function activate(id) {
  state.active = id;
  for (const one of byId("messages").querySelectorAll("button")) one.tabIndex = one.dataset.id === id ? 0 : -1;
}

// Selecting a message does not redraw the list, so its scroll position is kept.
function choose(id) {
  state.chosen = id;
  for (const one of byId("messages").querySelectorAll("button")) one.setAttribute("aria-pressed", String(one.dataset.id === id));
  if (id !== null) activate(id);
  byId("main").classList.toggle("open", id !== null);
  remember();
  drawChosen();
}

async function drawChosen() {
  const place = byId("shown");
  const id = state.chosen;
  if (id === null) {
    place.replaceChildren(state.messages.length ? element("p", { className: "hint", textContent: "Choose a message." }) : "");
    return;
  }
  let message = state.messages.find((one) => one.id === id);
  if (!message) {
    const answer = await fetch(path({ id })).catch(() => null);
    if (state.chosen !== id) return;
    if (!answer?.ok) {
      place.replaceChildren(element("p", { className: "hint", textContent: "This message no longer exists." }));
      return;
    }
    message = (await answer.json()).data;
  }
  drawMessage(place, message, { back, remove });
}

function back() {
  const active = state.active;
  choose(null);
  (byId("messages").querySelector(`[data-id="${CSS.escape(active ?? "")}"]`) ?? byId("messages").querySelector("button"))?.focus();
}

async function remove(message) {
  const index = state.messages.findIndex((one) => one.id === message.id);
  await fetch(path(message), { method: "DELETE" });
  const next = state.messages[index + 1] ?? state.messages[index - 1];
  state.seen = "";
  await refresh();
  const narrow = getComputedStyle(byId("list")).display === "none";
  choose(narrow ? null : next?.id ?? null);
  byId("messages").querySelector(`[data-id="${CSS.escape(next?.id ?? "")}"]`)?.focus({ preventScroll: true });
}

function drawList() {
  const list = byId("list");
  const scrolled = list.scrollTop;
  const focused = document.activeElement?.dataset?.id;
  byId("messages").replaceChildren(...state.messages.map(entry));
  activate(state.messages.some((one) => one.id === state.active) ? state.active : state.messages[0]?.id ?? null);
  list.scrollTop = scrolled;
  if (focused) byId("messages").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  const left = state.total - state.messages.length;
  byId("more").hidden = left <= 0 || state.limit >= MOST;
  byId("more").textContent = `Show more (${left} older)`;
  drawNothing();
}

function drawNothing() {
  const place = byId("nothing");
  place.hidden = state.messages.length > 0;
  if (place.hidden) return;
  if (state.channel || state.to || state.q) {
    place.replaceChildren(element("p", { textContent: "No message matches." }), button("Clear the search", () => searchAndSelect({ channel: "", to: "", q: "" })));
  } else {
    place.replaceChildren(element("p", { textContent: "No messages yet. New ones appear here automatically." }), element("pre", { tabIndex: 0, textContent: EXAMPLE }));
  }
}

function query() {
  return Object.entries({ channel: state.channel, to: state.to, q: state.q }).filter(([, value]) => value);
}

function remember() {
  const kept = new URLSearchParams(query()).toString();
  const target = `/mailbox${kept ? `?${kept}` : ""}${state.chosen ? `#${state.chosen}` : ""}`;
  if (target !== location.pathname + location.search + location.hash) history.replaceState(null, "", target);
}

function search(changes) {
  Object.assign(state, changes, { limit: STEP });
  for (const one of byId("channels").children) one.setAttribute("aria-pressed", String(one.dataset.channel === state.channel));
  for (const name of ["to", "q"]) if (byId(name).value.trim() !== state[name]) byId(name).value = state[name];
  remember();
  return refresh();
}

// Closes the selected message if the new search does not find it.
async function searchAndSelect(changes) {
  await search(changes);
  if (state.chosen !== null && !state.messages.some((one) => one.id === state.chosen)) choose(null);
}

async function refresh() {
  const current = ++latestRequest;
  const wanted = new URLSearchParams([...query(), ["limit", state.limit]]);
  try {
    const answer = await fetch(`/mailbox/messages?${wanted}`);
    const body = await answer.json();
    if (current !== latestRequest) return; // a newer request has started
    if (!answer.ok) throw new Error(body.message);
    byId("state").textContent = `${body.meta.total} ${body.meta.total === 1 ? "message" : "messages"}`;
    const seen = `${wanted} ${body.meta.total} ${body.data[0]?.id}`;
    if (seen === state.seen) return;
    countArrivals(body.data);
    Object.assign(state, { seen, messages: body.data, total: body.meta.total });
    drawList();
    if (state.chosen === null) drawChosen();
  } catch {
    if (current === latestRequest) byId("state").textContent = "Not reachable. Retrying…";
  }
}

// The title shows the number of messages that arrived while the page was in the background.
function countArrivals(messages) {
  if (document.hidden && state.newest) {
    const index = messages.findIndex((one) => one.id === state.newest);
    state.arrived += index < 0 ? messages.length : index;
  }
  state.newest = messages[0]?.id ?? state.newest;
  document.title = `${state.arrived ? `(${state.arrived}) ` : ""}Mailbox · Angarium`;
}

byId("channels").addEventListener("click", (event) => {
  const chosen = event.target.closest("button");
  if (chosen) searchAndSelect({ channel: chosen.dataset.channel });
});
byId("messages").addEventListener("keydown", (event) => {
  const entries = [...byId("messages").querySelectorAll("button")];
  const here = entries.indexOf(event.target);
  const place = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: entries.length - 1 }[event.key];
  const message = state.messages.find((one) => one.id === event.target.dataset.id);
  if (event.key === "Delete" && message) remove(message);
  if (place === undefined || !entries[place]) return;
  event.preventDefault();
  activate(entries[place].dataset.id);
  entries[place].focus();
});
let typing = 0;
byId("search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => searchAndSelect({ to: byId("to").value.trim(), q: byId("q").value.trim() }), TYPING);
});
byId("search").addEventListener("submit", (event) => event.preventDefault());
byId("more").addEventListener("click", () => { state.limit = Math.min(MOST, state.limit + STEP); refresh(); });
byId("empty").addEventListener("click", async () => {
  if (!confirm("Delete every caught message?")) return;
  await fetch("/mailbox/messages", { method: "DELETE" });
  state.seen = "";
  await refresh();
  choose(null);
});
window.addEventListener("hashchange", () => choose(location.hash.slice(1) || null));

const given = new URLSearchParams(location.search);
state.chosen = location.hash.slice(1) || null;
byId("main").classList.toggle("open", state.chosen !== null);
await search(Object.fromEntries(["channel", "to", "q"].map((name) => [name, given.get(name) ?? ""])));
await drawChosen();
setInterval(refresh, REFRESH);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  state.arrived = 0;
  document.title = "Mailbox · Angarium";
  refresh();
});
