// Lists what the mailbox caught and shows one message. Text reaches the page through textContent only; a mail's HTML
// is shown in a frame that has neither scripts nor an origin.

const REFRESH = 2000;
const byId = (id) => document.getElementById(id);
const NAMES = { html: "Preview", source: "HTML", text: "Text", headers: "Headers", phone: "On a phone", body: "Body" };
const state = { channel: "", to: "", messages: [], chosen: null, tab: "html", seen: "" };

function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith("aria-")) made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children);
  return made;
}

function when(moment) {
  return new Date(moment).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
}

function headline(message) {
  return message.subject ?? message.title ?? message.text ?? "";
}

function entry(message) {
  const top = element("div", { className: "top" },
    element("span", { className: `channel ${message.channel}`, textContent: message.channel }),
    element("span", { className: "to", textContent: message.to }),
    element("time", { dateTime: message.received_at, textContent: new Date(message.received_at).toLocaleTimeString() }));
  const button = element("button", { type: "button", "aria-pressed": String(message.id === state.chosen) }, top,
    element("div", { className: "subject", textContent: headline(message) }));
  button.dataset.id = message.id;
  if (message.text && message.text !== headline(message)) {
    button.append(element("div", { className: "preview", textContent: message.text.slice(0, 160) }));
  }
  button.addEventListener("click", () => choose(message.id));
  return element("li", {}, button);
}

// The list is not drawn anew for a choice: whoever uses the keyboard stays where they are.
function choose(id) {
  state.chosen = id;
  for (const button of byId("messages").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === id));
  }
  byId("main").classList.toggle("open", id !== null);
  drawMessage();
}

function drawList() {
  const focused = document.activeElement?.dataset?.id;
  byId("messages").replaceChildren(...state.messages.map(entry));
  byId("nothing").hidden = state.messages.length > 0;
  if (focused) byId("messages").querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function facts(message) {
  const list = element("dl");
  const rows = { From: message.from, To: message.to, Received: when(message.received_at), Notification: message.notification_id };
  for (const [name, value] of Object.entries(rows)) {
    if (value) list.append(element("dt", { textContent: name }), element("dd", { textContent: value }));
  }
  return list;
}

function phone(message) {
  const shown = element("div", { className: `phone ${message.channel}` });
  if (message.title) shown.append(element("strong", { textContent: message.title }));
  shown.append(message.text ?? "");
  return element("div", { className: "stage" }, shown);
}

// As it was posted where it is no JSON.
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function views(message) {
  const found = {};
  if (message.channel === "webhook") {
    return { body: () => element("pre", { textContent: pretty(message.text ?? "") }), ...headerView(message) };
  }
  if (message.channel !== "email") return { phone: () => phone(message), ...headerView(message) };
  if (message.html !== null) {
    found.html = () => {
      const frame = element("iframe", { title: "The mail", src: `/mailbox/messages/${encodeURIComponent(message.id)}/html` });
      frame.setAttribute("sandbox", "");
      return frame;
    };
    found.source = () => element("pre", { textContent: message.html });
  }
  if (message.text !== null) found.text = () => element("pre", { textContent: message.text });
  return { ...found, ...headerView(message) };
}

function headerView(message) {
  const lines = Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`);
  return lines.length ? { headers: () => element("pre", { textContent: lines.join("\n") }) } : {};
}

function drawMessage() {
  const message = state.messages.find((one) => one.id === state.chosen);
  const shown = byId("shown");
  if (!message) {
    shown.replaceChildren(element("p", { className: "hint", textContent: "Choose a message." }));
    return;
  }
  const found = views(message);
  const tab = state.tab in found ? state.tab : Object.keys(found)[0];
  const tabs = element("div", { className: "tabs" }, ...Object.keys(found).map((name) => {
    const button = element("button", { type: "button", textContent: NAMES[name], "aria-pressed": String(name === tab) });
    button.addEventListener("click", () => { state.tab = name; drawMessage(); byId(`tab-${name}`).focus(); });
    button.id = `tab-${name}`;
    return button;
  }));
  const back = element("button", { type: "button", className: "back", textContent: "‹ All messages" });
  back.addEventListener("click", () => { choose(null); byId("messages").querySelector("button")?.focus(); });
  shown.replaceChildren(back, element("h2", { textContent: headline(message) }), facts(message), tabs);
  if (tab) shown.append(found[tab]());
}

async function refresh() {
  const query = new URLSearchParams({ limit: "200" });
  if (state.channel) query.set("channel", state.channel);
  if (state.to) query.set("to", state.to);
  try {
    const answer = await fetch(`/mailbox/messages?${query}`);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.message);
    const seen = `${query} ${body.meta.total} ${body.data[0]?.id}`;
    byId("state").textContent = `${body.meta.total} caught`;
    if (seen === state.seen) return;
    state.seen = seen;
    state.messages = body.data;
    drawList();
    if (!state.messages.some((one) => one.id === state.chosen)) choose(null);
  } catch {
    byId("state").textContent = "not reachable; trying again";
  }
}

byId("channels").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  state.channel = button.dataset.channel;
  for (const other of byId("channels").children) other.setAttribute("aria-pressed", String(other === button));
  refresh();
});
byId("messages").addEventListener("keydown", (event) => {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const next = step && event.target.closest("li")?.[step]?.querySelector("button");
  if (!next) return;
  event.preventDefault();
  next.focus();
});
byId("to").addEventListener("change", (event) => { state.to = event.target.value.trim(); refresh(); });
byId("empty").addEventListener("click", async () => {
  if (!confirm("Remove every caught message?")) return;
  await fetch("/mailbox/messages", { method: "DELETE" });
  state.seen = "";
  await refresh();
});

await refresh();
setInterval(() => { if (!document.hidden) refresh(); }, REFRESH);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
