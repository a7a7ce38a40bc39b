// Shows one message. The HTML of an email is in a sandboxed frame without scripts, which loads remote images only
// after "Show remote images".

import { button, bytes, copyButton, element, headline, when } from "./dom.js";

const NAMES = {
  html: "Preview", phone: "On a phone", body: "Body", text: "Text", markup: "HTML", links: "Links",
  fields: "Fields", headers: "Headers", raw: "Source",
};
const LONGEST_SHOWN = 300000;
const REMOTE = /(?:src|background|srcset)\s*=\s*["']?\s*(?:https?:)?\/\/|url\(\s*["']?\s*(?:https?:)?\/\//i;
const view = { tab: "html", narrow: false, images: null };

export function path(message, ...parts) {
  return ["/mailbox/messages", encodeURIComponent(message.id), ...parts].join("/");
}

export function drawMessage(place, message, { back, remove }) {
  if (view.images !== message.id) view.images = null;
  const found = views(message);
  const tab = view.tab in found ? view.tab : Object.keys(found)[0];
  const again = (change) => { change(); drawMessage(place, message, { back, remove }); };
  const tabs = Object.keys(found).map((name) => button(NAMES[name], () => {
    again(() => { view.tab = name; });
    document.getElementById(`tab-${name}`).focus();
  }, { id: `tab-${name}`, "aria-pressed": String(name === tab) }));
  place.replaceChildren(...[
    element("div", { className: "acts" },
      button("‹ All messages", back, { className: "back" }),
      message.channel === "email" ? element("a", { className: "act", href: path(message, "raw"), download: "", textContent: "Download .eml" }) : null,
      button("Delete", () => remove(message), { className: "act" })),
    element("h2", { textContent: headline(message) }), facts(message), attachments(message),
    element("div", { className: "tabs", role: "group", "aria-label": "View" }, ...tabs),
    ...[found[tab]?.(again)].flat(),
  ].filter(Boolean));
}

function field(message, name) {
  const found = Object.entries(message.headers).find(([key]) => key.toLowerCase() === name);
  return found?.[1];
}

function facts(message) {
  const list = element("dl");
  const add = (name, ...values) => list.append(element("dt", { textContent: name }), element("dd", {}, ...values));
  if (message.from) add("From", message.from);
  add("To", message.to, " ", copyButton(message.to, "the address"));
  for (const name of ["Cc", "Reply-To"]) if (field(message, name.toLowerCase())) add(name, field(message, name.toLowerCase()));
  add("Received", element("time", { dateTime: message.received_at, textContent: when(message.received_at) }));
  if (message.notification_id) {
    const href = `/dashboard/notifications/${encodeURIComponent(message.notification_id)}`;
    add("Notification", element("a", { href, textContent: message.notification_id }), " ", copyButton(message.notification_id, "the id"));
  }
  return list;
}

function attachments(message) {
  if (!message.attachments.length) return null;
  return element("ul", { className: "files", "aria-label": "Attachments" }, ...message.attachments.map((file, index) => element("li", {},
    element("a", { href: path(message, "attachments", index), download: "", textContent: file.filename || `attachment ${index + 1}` }),
    element("span", { className: "quiet", textContent: ` ${file.content_type}, ${bytes(file.size)}${file.content_id ? ", inline" : ""}` }))));
}

function views(message) {
  const found = {};
  if (message.channel === "email") {
    if (message.html !== null) {
      found.html = (again) => preview(message, again);
      if (message.text !== null) found.text = () => plain(message.text);
      found.markup = () => plain(message.html);
    } else found.text = () => plain(message.text ?? "");
    found.links = () => links(message);
  } else if (message.channel === "webhook") {
    found.body = () => webhook(message);
  } else {
    found.phone = () => phone(message);
    if (message.push) found.fields = () => plain(JSON.stringify(message.push, null, 2));
  }
  const lines = Object.entries(message.headers).map(([name, value]) => `${name}: ${value}`);
  if (lines.length) found.headers = () => plain(lines.join("\n"));
  if (message.channel === "email") found.raw = () => source(message);
  return found;
}

function preview(message, again) {
  const images = view.images === message.id;
  const frame = element("iframe", { title: "Email preview", src: `${path(message, "html")}${images ? "?images=true" : ""}` });
  frame.setAttribute("sandbox", "");
  if (view.narrow) frame.className = "narrow";
  const remote = REMOTE.test(message.html) && !images;
  return [element("div", { className: "tools" },
    button("Phone width", () => again(() => { view.narrow = !view.narrow; }), { className: "small", "aria-pressed": String(view.narrow) }),
    remote ? element("p", { className: "note" }, "Remote images are off. ",
      button("Show remote images", () => again(() => { view.images = message.id; }), { className: "small" })) : null), frame];
}

function plain(text) {
  const shown = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}\n…` : text;
  return element("pre", { tabIndex: 0, textContent: shown });
}

function source(message) {
  const shown = element("pre", { tabIndex: 0, textContent: "Loading…" });
  fetch(path(message, "raw")).then(async (answer) => {
    if (!answer.ok) throw new Error(String(answer.status));
    const text = await answer.text();
    shown.textContent = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}\n… (truncated: download the file for the rest)` : text;
  }).catch((error) => { shown.textContent = `Cannot load the source: ${error.message}`; });
  return shown;
}

function links(message) {
  const list = element("ul", { className: "links" });
  fetch(path(message, "links")).then(async (answer) => {
    if (!answer.ok) throw new Error(String(answer.status));
    const found = Object.entries((await answer.json()).data);
    if (!found.length) list.append(element("li", { textContent: "This email has no links." }));
    for (const [href, text] of found) {
      list.append(element("li", {}, text && text !== href ? element("strong", { textContent: text }) : null,
        element("a", { href, target: "_blank", rel: "noopener noreferrer", textContent: href })));
    }
  }).catch((error) => { list.append(element("li", { textContent: `Cannot load the links: ${error.message}` })); });
  return list;
}

function phone(message) {
  const shown = element("div", { className: `phone ${message.channel}` });
  if (message.title) shown.append(element("strong", { textContent: message.title }));
  shown.append(message.text ?? "");
  const more = element("dl");
  const add = (name, value) => more.append(element("dt", { textContent: name }), element("dd", {}, value));
  if (message.segments) add("Segments", `${message.segments} (${message.encoding}, ${[...(message.text ?? "")].length} characters)`);
  if (message.link) add("Opens", message.link);
  if (message.image) add("Image", message.image);
  const buttons = (message.push?.actions ?? []).map((action) => element("span", { className: "action", textContent: action.title }));
  return [element("div", { className: "stage" }, shown, ...buttons), more.childNodes.length ? more : null];
}

function webhook(message) {
  if (message.title) return [element("h3", { textContent: message.title }), plain(message.text ?? "")];
  try {
    const text = JSON.stringify(JSON.parse(message.text ?? ""), null, 2);
    return [element("div", { className: "tools" }, element("span", { className: "quiet", textContent: "JSON" }), copyButton(text, "the body")), plain(text)];
  } catch {
    return plain(message.text ?? ""); // not JSON: shown unchanged
  }
}
