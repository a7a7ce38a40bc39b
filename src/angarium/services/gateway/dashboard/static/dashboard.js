// Progressive enhancement: local times, copy buttons, automatic submission of sign-in links, progress of replays.
// Every page also works without scripts.

const announcer = document.getElementById("announcer");
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

function ago(moment) {
  const seconds = (moment - Date.now()) / 1000;
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return relative.format(Math.round(seconds), "second");
}

export function enhance(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    time.title = `${ago(moment)} · ${moment.toLocaleString()}`;
  }
  for (const code of root.querySelectorAll("code.copy")) {
    if (code.nextElementSibling?.classList.contains("copy-button")) continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy-button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${code.textContent}`);
    code.after(button);
  }
}

async function copy(button) {
  const text = button.previousElementSibling.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    if (announcer) announcer.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling);
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

// Parses HTML from the server into nodes. Scripts in it do not run.
export function parsed(html) {
  return [...new DOMParser().parseFromString(html, "text/html").body.childNodes].map((node) => document.adoptNode(node));
}

async function follow(progress) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const next = page.getElementById("progress");
  if (!next) return;
  const fresh = document.adoptNode(next);
  progress.replaceWith(fresh);
  if (fresh.dataset.live === "on") setTimeout(() => follow(fresh), 2000);
  else if (announcer) announcer.textContent = "Done";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy-button");
  if (button) copy(button);
});
enhance(document);
document.querySelector("form[data-submit='at-once']")?.requestSubmit();
const progress = document.querySelector("#progress[data-live='on']");
if (progress) setTimeout(() => follow(progress), 2000);
