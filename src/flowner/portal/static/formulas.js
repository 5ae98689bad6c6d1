// The expression editor: what has happened before the card and functions are searched and inserted;
// the server reads along, and says which call is being written.
import { editorOf, over, read } from "./pills.js";

const panel = document.getElementById("panel");
const base = document.querySelector("[data-base]").dataset.base;
const CODE = "textarea[data-formula]:not([data-pills])", FIELDS = `.pills, ${CODE}, input[data-formula]`;
let field = null;
document.addEventListener("focusin", (event) => { const here = event.target.closest?.(FIELDS); if (here && panel.contains(here)) field = here; });

// Code with formulas in it is read along as well.
let reading;
document.addEventListener("input", (event) => {
  if (!event.target.matches(`${CODE}, input[data-formula]`)) return;
  clearTimeout(reading);
  reading = setTimeout(() => check(event.target), 300);
});
async function check(one) {
  const text = one.value, found = await read({ text });
  if (!found || text !== one.value) return;
  one.parentElement.querySelector(".formula-wrong")?.remove();
  one.setAttribute("aria-invalid", String(Boolean(found.wrong)));
  if (found.wrong) one.after(found.wrong);
}

/** Turn a look-up into a text, in which anything can stand. */
function freed(input) {
  const text = document.createElement("textarea"), pieces = document.createElement("template");
  for (const name of ["id", "name", "aria-label"]) if (input.hasAttribute(name)) text.setAttribute(name, input.getAttribute(name));
  text.dataset.formula = text.dataset.pills = "";
  text.value = input.value;
  pieces.content.append(input.value);
  input.closest(".combobox").replaceWith(text, pieces);
  return over(text);
}

let open = null;
document.addEventListener("pill", (event) => edit(editorOf(event.target), event.detail));
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-insert]")) begin();
  const chosen = open && event.target.closest(".token");
  if (chosen) choose(chosen);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && (event.ctrlKey || event.metaKey) && event.target.closest?.(FIELDS)) { event.preventDefault(); begin(); }
});
function begin() {
  if (!field?.isConnected) field = panel.querySelector(FIELDS);
  if (field) edit(editorOf(field), null);
}
function edit(editor, pill) {
  if (open) freeAgain(open);
  if (editor?.box.contains(document.activeElement)) editor.caret();
  const box = document.createElement("div");
  box.className = "tokens";
  box.popover = "auto";
  box.setAttribute("role", "dialog");
  box.setAttribute("aria-label", pill ? "Edit the expression" : "Insert an expression");
  box.innerHTML = `<div class="field"><label for="expression">Expression</label><textarea id="expression" class="mono" rows="2" spellcheck="false" autocomplete="off"></textarea><div class="told" role="status"></div></div>
<div class="actions start"><button type="button" class="btn primary" data-done>${pill ? "Update" : "Add"}</button><button type="button" class="btn" data-cancel>Cancel</button></div>
<div class="search"><input type="search" aria-label="Search dynamic content and functions" placeholder="Search" autocomplete="off"></div><div class="found"></div>`;
  const part = (which) => box.querySelector(which);
  if (editor) editor.isHeld = true; // the pill that is changed stays where it is
  open = { box, editor, pill, which: editor?.pills.indexOf(pill) ?? -1, text: part("textarea"), told: part(".told"), search: part("input"), found: part(".found") };
  open.text.value = pill?.dataset.expression ?? "";
  document.body.append(box);
  box.showPopover();
  const side = panel.getBoundingClientRect(), at = (pill ?? field).getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(side.right + 8, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(at.top, innerHeight * 0.38))}px`;
  open.search.addEventListener("input", list);
  for (const kind of ["input", "click", "keyup"]) open.text.addEventListener(kind, (event) => { if (!["Enter", "Escape"].includes(event.key)) told(); });
  open.text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); done(); } });
  part("[data-done]").addEventListener("click", done);
  part("[data-cancel]").addEventListener("click", shut);
  box.addEventListener("keydown", walk);
  box.addEventListener("toggle", (event) => { if (event.newState === "closed") shut(); });
  list();
  if (pill) { told(0); open.text.focus(); open.text.setSelectionRange(open.text.value.length, open.text.value.length); } else open.search.focus();
}
function shut() {
  if (!open) return;
  const { box, editor, which } = open, pill = open.pill?.isConnected ? open.pill : editor?.pills[which];
  const here = document.activeElement, isLost = box.contains(here) || here === document.body || editor?.box.contains(here);
  freeAgain(open);
  if (editor?.isUnread) editor.check(true);
  if (!isLost) return;
  if (pill) pill.focus();
  else editor ? editor.focus() : field?.focus();
}
function freeAgain({ box, editor }) {
  open = null;
  box.remove();
  if (editor) editor.isHeld = false;
}
async function list() {
  const here = open, name = panel.querySelector(".panel").dataset.name, text = here.search.value;
  const answer = await fetch(`${base}/tokens?${new URLSearchParams({ card: name, text })}`, { headers: { "HX-Request": "true" } });
  const said = await answer.text();
  if (open === here && text === here.search.value) here.found.innerHTML = said;
}
let telling;
function told(wait = 150) {
  clearTimeout(telling);
  const here = open;
  telling = setTimeout(async () => {
    const expression = here.text.value, found = await read({ expression, at: here.text.selectionStart });
    if (open === here && found && expression === here.text.value) say(found);
  }, wait);
}
function say({ hint, wrong }) {
  open.told.replaceChildren(...[hint, wrong].filter(Boolean));
  open.text.setAttribute("aria-invalid", String(Boolean(wrong)));
}
function walk(event) {
  const tokens = [...open.found.querySelectorAll(".token")], here = tokens.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !tokens.length || (here < 0 && (event.target !== open.search || step < 0))) return;
  event.preventDefault();
  (tokens[here + step] ?? (step < 0 ? open.search : tokens[here])).focus();
}
function choose(token) {
  const { text } = open, isCall = "inside" in token.dataset;
  if (!text.value.trim() && !isCall) { text.value = token.dataset.formula; return done(); }
  text.setRangeText(token.dataset.formula, text.selectionStart, text.selectionEnd, "end");
  if (isCall) text.setSelectionRange(text.selectionStart - 1, text.selectionStart - 1);
  text.focus();
  told(0);
}
async function done() {
  const here = open, expression = here.text.value, found = expression.trim() && (await read({ expression, at: here.text.selectionStart }));
  if (open !== here || !found) return;
  const pill = found.pieces.querySelector(".pill");
  say(found);
  if (!pill) return here.text.focus();
  const { editor, pill: old } = here;
  const target = field;
  freeAgain(here);
  if (old) editor.swap(old, pill);
  else if (editor) editor.add(pill);
  else if (target.closest(".combobox")) { const made = freed(target); made.add(pill); field = made.box; } else put(target, pill.dataset.expression);
}
function put(target, expression) {
  const isEmpty = !target.value.trim();
  if (isEmpty) target.value = "";
  target.setRangeText(isEmpty ? `@${expression}` : `@{${expression}}`, target.selectionStart, target.selectionEnd, "end");
  target.focus();
  target.dispatchEvent(new Event("input", { bubbles: true }));
}
