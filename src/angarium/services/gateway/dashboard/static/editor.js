// Line numbers beside sources, and links from errors to their position. Without scripts, errors show their lines as text.

function numbered(area) {
  const gutter = document.createElement("div");
  gutter.className = "gutter";
  gutter.setAttribute("aria-hidden", "true");
  area.before(gutter);
  let lines = 0;
  const count = () => {
    const wanted = area.value.split("\n").length;
    if (wanted !== lines) {
      lines = wanted;
      gutter.replaceChildren(...Array.from({ length: lines }, (_, index) => {
        const number = document.createElement("span");
        number.textContent = index + 1;
        return number;
      }));
      mark(area, gutter);
    }
    gutter.scrollTop = area.scrollTop;
  };
  area.addEventListener("input", count);
  area.addEventListener("scroll", () => { gutter.scrollTop = area.scrollTop; });
  new ResizeObserver(() => { gutter.style.height = `${area.offsetHeight}px`; }).observe(area);
  count();
}

function mark(area, gutter) {
  for (const link of document.querySelectorAll(".fault[data-line]")) {
    if (link.hash === `#${area.id}`) gutter.children[link.dataset.line - 1]?.classList.add("wrong-line");
  }
}

function go(event) {
  const link = event.target.closest(".fault");
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.closest("details:not([open])")?.setAttribute("open", "");
  field.focus();
  if (!link.dataset.line || !("value" in field)) return;
  const lines = field.value.split("\n");
  const before = lines.slice(0, link.dataset.line - 1);
  const place = before.reduce((sum, line) => sum + line.length + 1, 0) + Number(link.dataset.column) - 1;
  field.setSelectionRange(place, Math.min(place + 1, field.value.length));
  const height = field.scrollHeight / lines.length;
  field.scrollTop = Math.max(0, (before.length - 3) * height);
}

// The Tab key moves the focus and inserts no tab, which would trap keyboard users (WCAG 2.1.2).
for (const area of document.querySelectorAll(".source textarea")) numbered(area);
document.addEventListener("click", go);
// The browser asks before the page is left with unsaved changes.
const form = document.querySelector("form.editor");
let unsaved = document.querySelector(".faults, main > .said") !== null;
form.addEventListener("input", () => { unsaved = true; });
form.addEventListener("submit", () => { unsaved = false; });
window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
document.querySelector(".faults")?.scrollIntoView({ block: "nearest" });
