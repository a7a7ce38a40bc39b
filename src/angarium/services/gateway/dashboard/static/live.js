// Replaces the parts of the overview with those from the server. A part that has the focus is replaced after it loses it.

import { enhance, parsed } from "/dashboard/assets/dashboard.js";

const state = document.getElementById("live");
const waiting = new Map();
let source = null;

function say(name, text) {
  if (state.dataset.state === name) return;
  state.dataset.state = name;
  state.firstElementChild.textContent = text;
}

function show(name, html) {
  const part = document.getElementById(name);
  if (!part) return;
  if (part.contains(document.activeElement) || part.matches(":has(:hover)") && document.getSelection()?.toString()) {
    waiting.set(name, html);
    return;
  }
  waiting.delete(name);
  const places = [...part.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
  part.replaceChildren(...parsed(html));
  part.querySelectorAll(".scroll").forEach((box, index) => { box.scrollLeft = places[index] ?? 0; });
  enhance(part);
}

function open() {
  source = new EventSource("/dashboard/live");
  source.addEventListener("open", () => say("on", "Live"));
  source.addEventListener("parts", (event) => {
    say("on", "Live");
    for (const [name, html] of Object.entries(JSON.parse(event.data))) show(name, html);
  });
  source.addEventListener("stale", () => say("stale", "The database does not answer. The figures are out of date."));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) say("off", "Not live. Reload the page.");
    else say("stale", "Reconnecting…");
  });
}

document.addEventListener("focusout", () => setTimeout(() => {
  for (const [name, html] of [...waiting]) show(name, html);
}));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) source?.close();
  else open();
});
window.addEventListener("pagehide", () => source?.close());
open();
