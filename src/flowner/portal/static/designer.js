// Draws the lines between cards that CSS has placed, and lets keys do what buttons do. What a flow
// is, and whose account a card uses, is the server's to say: nothing of that is decided here.
import { toast } from "./portal.js";

const canvas = document.querySelector(".canvas");
const tree = () => document.getElementById("tree");
const panel = document.getElementById("panel");
const base = document.querySelector("[data-base]")?.dataset.base;
const SVG = "http://www.w3.org/2000/svg";
let zoom = 1;

function draw() {
  const all = tree(), lines = all.querySelector(":scope > .lines");
  const origin = all.getBoundingClientRect();
  const at = (node) => {
    const box = node.getBoundingClientRect();
    return { x: (box.left - origin.left + box.width / 2) / zoom, top: (box.top - origin.top) / zoom, bottom: (box.bottom - origin.top) / zoom };
  };
  const nodes = new Map([...all.querySelectorAll("[data-node]")].map((one) => [one.dataset.node, one]));
  // Everything is measured before anything is moved: the page is laid out once.
  const pluses = new Map([...all.querySelectorAll(".plus[data-edge]")].map((one) => [one.dataset.edge, one]));
  const holders = new Map(), drawn = [], moved = [];
  const held = (plus) => {
    const holder = plus.offsetParent;
    if (!holders.has(holder)) {
      const box = holder.getBoundingClientRect();
      holders.set(holder, { x: (box.left - origin.left) / zoom + holder.clientLeft, y: (box.top - origin.top) / zoom + holder.clientTop });
    }
    return holders.get(holder);
  };
  for (const edge of all.querySelectorAll(".edge")) {
    const to = nodes.get(edge.dataset.to);
    const from = nodes.get(edge.dataset.from || (edge.closest(".branch") ? "" : all.querySelector(".trunk").dataset.trigger));
    const label = edge.closest(".branch")?.querySelector(":scope > .limb-label");
    if (!to || (!from && !label)) continue;
    const a = at(from ?? label), b = at(to);
    drawn.push({ d: path(a, b), unusual: "unusual" in edge.dataset });
    const plus = pluses.get(`${edge.dataset.from}>${edge.dataset.to}`);
    if (plus) moved.push([plus, b, held(plus)]);
  }
  const width = all.scrollWidth, height = all.scrollHeight;
  for (const [plus, b, holder] of moved) {
    plus.style.left = `${b.x - holder.x}px`;
    plus.style.top = `${b.top - 28 - holder.y}px`;
  }
  lines.setAttribute("width", width);
  lines.setAttribute("height", height);
  lines.replaceChildren(...drawn.map(line));
  canvas.dataset.ready = "1";
}
function path(a, b) {
  if (Math.abs(a.x - b.x) < 2) return `M${a.x} ${a.bottom}V${b.top - 2}`;
  const middle = b.top - 28, r = 8, side = Math.sign(b.x - a.x);
  return `M${a.x} ${a.bottom}V${middle - r}Q${a.x} ${middle} ${a.x + side * r} ${middle}H${b.x - side * r}Q${b.x} ${middle} ${b.x} ${middle + r}V${b.top - 2}`;
}
function line({ d, unusual }) {
  const group = document.createElementNS(SVG, "g"), stroke = document.createElementNS(SVG, "path"), tip = document.createElementNS(SVG, "path");
  const [x, y] = d.match(/V([\d.-]+)$/) ? [+d.match(/([\d.-]+) [\d.-]+V[\d.-]+$/)[1], +d.match(/V([\d.-]+)$/)[1]] : [0, 0];
  for (const one of [stroke, tip]) {
    one.setAttribute("fill", "none");
    one.setAttribute("stroke", "currentColor");
    one.setAttribute("stroke-width", "1.5");
  }
  stroke.setAttribute("d", d);
  if (unusual) stroke.setAttribute("stroke-dasharray", "5 4");
  tip.setAttribute("d", `M${x - 4} ${y - 6}L${x} ${y}L${x + 4} ${y - 6}`);
  group.append(stroke, tip);
  return group;
}

function select() {
  const shown = panel.querySelector(".panel")?.dataset.for;
  for (const one of document.querySelectorAll("[data-node]")) one.classList.toggle("selected", one.dataset.node === shown);
}
function setZoom(to) {
  const all = tree();
  if (to === "fit") {
    all.style.zoom = 1;
    to = Math.min(1, canvas.clientWidth / all.scrollWidth, canvas.clientHeight / all.scrollHeight);
  }
  zoom = Math.min(2, Math.max(0.2, to));
  all.style.zoom = zoom;
  draw();
}
function shut() {
  const name = panel.querySelector(".panel")?.dataset.for;
  panel.replaceChildren();
  history.replaceState(null, "", base ?? location.pathname);
  select();
  document.getElementById(`head-${name}`)?.focus();
}

new ResizeObserver(draw).observe(canvas);
document.addEventListener("htmx:after:swap", () => { tree().style.zoom = zoom; draw(); select(); watch(); link(); });

// The address says which card is open, and how: what is opened is a step of the browser's history,
// what an edit has made of it is not.
let isStep = false;
document.addEventListener("htmx:before:request", (event) => { isStep = Boolean(event.target.closest?.("a[hx-get]")); });
function link() {
  const opened = panel.querySelector(".panel"), shown = opened ? opened.dataset.address : base;
  if (!shown || new URL(shown, location.href).href === location.href) return;
  history[isStep ? "pushState" : "replaceState"](null, "", shown);
  isStep = false;
}
// Who goes back twice at once does not want what the first step asked for.
document.addEventListener("htmx:before:swap", (event) => {
  const { sourceElement: by, request } = event.detail.ctx ?? {};
  if (by === document.body && request.method === "GET" && new URL(request.action, location.href).href !== location.href) event.preventDefault();
});
addEventListener("popstate", () => {
  isStep = false;
  if (new URLSearchParams(location.search).has("card")) htmx.ajax("GET", location.href, { target: "#panel" });
  else { panel.replaceChildren(); select(); }
});
document.fonts?.ready.then(draw);

document.addEventListener("click", (event) => {
  const by = event.target.closest("[data-zoom]")?.dataset.zoom;
  if (by) setZoom(by === "fit" ? "fit" : zoom * by);
  if (event.target.closest("[data-shut]")) { event.preventDefault(); shut(); }
  const renamed = event.target.closest("[data-rename]");
  if (renamed) { renamed.closest(".menu").hidePopover(); rename(document.querySelector(`[data-node="${renamed.dataset.rename}"]`)); }
  const moved = event.target.closest("[data-move]");
  if (moved) { moved.closest(".menu").hidePopover(); move(moved.dataset.move); }
  if (event.target.closest(".menu [hx-post], .menu [hx-get]")) event.target.closest(".menu").hidePopover();
});

// A card's menu is filled when it is opened: hundreds of cards have one each.
document.addEventListener("beforetoggle", (event) => { if (event.target.matches("[data-menu]")) fill(event.target); }, true);
function fill(menu) {
  if (menu.children.length) return;
  const { name, node } = menu.closest("[data-node]").dataset;
  const items = document.getElementById("card-menu").content.cloneNode(true);
  for (const one of items.querySelectorAll("[data-for]")) if (one.dataset.for !== menu.dataset.menu) one.remove();
  if (!("acts" in menu.dataset)) items.querySelector('[data-tab="runs-as"]').remove();
  const set = (one, given) => { for (const [key, value] of Object.entries(given)) one.setAttribute(key, value); };
  for (const one of items.querySelectorAll("[data-tab]")) {
    const address = `${base}?card=${encodeURIComponent(name)}&tab=${one.dataset.tab}`;
    set(one, { href: address, "hx-get": address, "hx-target": "#panel" });
  }
  for (const one of items.querySelectorAll("[data-does]")) set(one, { "hx-post": `${base}/${one.dataset.does}`, "hx-vals": JSON.stringify({ card: name }), "hx-target": "#panel" });
  items.querySelector('[data-does="delete"]')?.setAttribute("hx-confirm", `Delete ${menu.getAttribute("aria-label")}?`);
  items.querySelector("[data-rename]").dataset.rename = node;
  const move = items.querySelector("[data-move]");
  if (move) move.dataset.move = name;
  menu.append(items);
  htmx.process(menu);
}

function rename(node) {
  const dialog = document.getElementById("rename");
  if (!dialog || !node) return;
  dialog.querySelector('[name="card"]').value = node.dataset.name;
  dialog.querySelector('[name="title"]').value = node.dataset.name.replaceAll("_", " ");
  dialog.showModal();
  dialog.querySelector('[name="title"]').select();
}
document.addEventListener("htmx:before:request", (event) => event.target.closest?.("dialog")?.close());

// Moving: choose the card, then the place; drag does both at once.
let moving = null;
function move(name) {
  moving = name;
  canvas.classList.add("moving");
  toast("Choose a + to move it there; Esc leaves it where it is.");
}
canvas?.addEventListener("click", (event) => {
  const plus = event.target.closest(".plus");
  if (!plus || !moving) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  put(plus);
}, true);
function put(plus) {
  htmx.ajax("POST", `${base}/move`, { target: "#panel", values: { card: moving, ...JSON.parse(plus.dataset.spot) } });
  moving = null;
  canvas.classList.remove("moving");
}
canvas?.addEventListener("dragstart", (event) => {
  const node = event.target.closest("[data-node]");
  if (!base || !node || node.querySelector('.head[tabindex="0"]')?.closest("[data-node]") === node && node.matches(".trigger")) return;
  moving = node.dataset.name;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", moving);
  canvas.classList.add("moving");
});
canvas?.addEventListener("dragover", (event) => { if (event.target.closest(".plus")) event.preventDefault(); });
canvas?.addEventListener("drop", (event) => { const plus = event.target.closest(".plus"); if (plus && moving) { event.preventDefault(); put(plus); } });
canvas?.addEventListener("dragend", () => { moving = null; canvas.classList.remove("moving"); });

// Keys. One card is in the order of Tab; arrows go on from there, by where cards are.
const heads = () => [...document.querySelectorAll(".head")];
function focusCard(head) {
  for (const one of heads()) one.tabIndex = one === head ? 0 : -1;
  head.focus();
  head.scrollIntoView({ block: "nearest", inline: "nearest" });
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key === "s") { event.preventDefault(); document.getElementById("panel-form")?.requestSubmit(); }
  if (control && event.key === "0") { event.preventDefault(); setZoom("fit"); }
  if (control && !typing && (event.key === "z" || event.key === "y")) { event.preventDefault(); document.querySelector(`[data-key="${event.key === "z" && !event.shiftKey ? "undo" : "redo"}"]:not([disabled])`)?.click(); }
  if (event.key === "Escape" && !document.querySelector("dialog[open], :popover-open")) { if (moving) { moving = null; canvas.classList.remove("moving"); } else if (panel.children.length) shut(); }
  if (typing || control) return;
  if (event.key === "?") document.getElementById("keys")?.showModal();
  if (event.target === canvas && event.key.startsWith("Arrow")) { event.preventDefault(); focusCard(heads().find((one) => one.tabIndex === 0) ?? heads()[0]); return; }
  const head = event.target.closest?.(".head");
  if (!head) return;
  const node = head.closest("[data-node]");
  if (event.key === "F2") rename(node);
  const menu = node.querySelector("[data-menu]");
  if (event.key === "Delete" && menu) { fill(menu); menu.querySelector(".danger")?.click(); }
  if (event.key === "F10" && event.shiftKey) { event.preventDefault(); node.querySelector(".dots")?.click(); }
  if (event.key === "+" || event.key === "Insert") {
    const spots = [...document.querySelectorAll(".plus")];
    (spots.find((one) => JSON.parse(one.dataset.spot).after === node.dataset.name) ?? spots[0])?.click();
  }
  const way = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  if (!way) return;
  event.preventDefault();
  const middle = (one) => { const box = one.getBoundingClientRect(); return [box.left + Math.min(box.width, 300) / 2, box.top + box.height / 2]; };
  const [x, y] = middle(head);
  const far = (one) => {
    const [a, b] = middle(one), along = (a - x) * way[0] + (b - y) * way[1], aside = Math.abs((a - x) * way[1]) + Math.abs((b - y) * way[0]);
    return along > 4 ? along + aside * 2 : Infinity;
  };
  const next = heads().sort((p, q) => far(p) - far(q))[0];
  if (next && far(next) < Infinity) focusCard(next);
});

// Steps can be dragged; what is searched for narrows a list.
function watch() {
  for (const one of document.querySelectorAll(".step")) one.draggable = Boolean(base);
}
document.addEventListener("input", (event) => {
  const narrowed = event.target.closest("[data-narrow]");
  if (!narrowed) return;
  const text = narrowed.value.toLowerCase();
  for (const one of document.querySelectorAll(`${narrowed.dataset.narrow} [data-text]`)) one.hidden = !one.dataset.text.includes(text);
  for (const one of document.querySelectorAll(`${narrowed.dataset.narrow} section`)) one.hidden = !one.querySelector("[data-text]:not([hidden])");
});
watch();
select();
draw();
