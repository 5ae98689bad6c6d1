// What every page does beside its HTML: menus, panes, progress, toasts, look-ups. No page needs it
// to be read, and none to be left: links and forms work without.

const token = () => document.querySelector('meta[name="form-token"]')?.content ?? "";

// Requests of htmx carry the session's form token, as forms do.
document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-Form-Token"] = token();
});

// A thin bar while a page or a part of it is on its way.
const progress = document.querySelector(".progress");
let waiting = 0;
const busy = (by) => {
  waiting = Math.max(0, waiting + by);
  progress?.classList.toggle("on", waiting > 0);
};
document.addEventListener("htmx:before:request", () => busy(1));
document.addEventListener("htmx:finally:request", () => busy(-1));
addEventListener("pagehide", () => busy(1));
addEventListener("pageshow", () => { waiting = 0; busy(0); });

// A form that has to be complete is sent when it is. Until then its button says that it does nothing
// yet, and why, and stays within reach; without this, the server refuses in words.
const missing = (form) => form.querySelector("[data-missing]") ?? [...form.querySelectorAll("select")].find((one) => !one.value);
function complete(form) {
  const button = form.querySelector("button.primary"), why = form.querySelector("#why-not");
  const waits = Boolean(missing(form));
  why.hidden = !waits;
  if (waits) button.setAttribute("aria-describedby", why.id);
  else button.removeAttribute("aria-describedby");
  button.setAttribute("aria-disabled", String(waits));
}
document.querySelectorAll("form[data-complete]").forEach(complete);
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-complete]");
  if (form) complete(form);
});
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-complete]") || !missing(event.target)) return;
  event.preventDefault();
  const first = missing(event.target);
  (first.matches("select") ? first : first.closest("li").querySelector("a"))?.focus();
}, true);

// One box ticks all of its name that are shown.
document.querySelectorAll("[data-all]").forEach((box) => { box.hidden = false; });
document.addEventListener("change", (event) => {
  const box = event.target.closest("[data-all]");
  box?.form.querySelectorAll(`[name="${box.dataset.all}"]`).forEach((one) => { one.checked = box.checked; });
});

// A form is sent once: its button says so until the answer is there.
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button || event.target.method === "dialog") return;
  if (event.target.closest("[data-again]") || event.target.matches("[hx-post], [hx-get]")) return;
  button.setAttribute("aria-busy", "true");
});

// Menus open below their buttons, and arrow keys walk through them.
document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!(menu instanceof HTMLElement) || !menu.matches(".menu[popover]")) return;
  const button = document.querySelector(`[popovertarget="${CSS.escape(menu.id)}"]`);
  button?.setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState !== "open" || !button) return;
  const at = button.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - menu.offsetWidth - 8);
  const below = at.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.left = `${Math.max(8, left) + scrollX}px`;
  menu.style.top = `${(below ? at.bottom + 4 : at.top - menu.offsetHeight - 4) + scrollY}px`;
  menu.querySelector('a, button:not([disabled])')?.focus();
}, true);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.('[role="menu"]');
  if (menu) walk(event, [...menu.querySelectorAll('a, button:not([disabled])')], "ArrowUp", "ArrowDown");
  const tabs = event.target.closest?.('[role="tablist"]');
  if (tabs) walk(event, [...tabs.querySelectorAll('[role="tab"]')], "ArrowLeft", "ArrowRight");
  const typing = event.target.matches?.("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    const search = document.querySelector('main input[type="search"], .top input[type="search"]');
    if (search) { event.preventDefault(); search.focus(); search.select(); }
  }
});

function walk(event, items, back, on) {
  const here = items.indexOf(document.activeElement);
  const next = { [back]: here - 1, [on]: here + 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined || !items.length) return;
  event.preventDefault();
  items[(next + items.length) % items.length].focus();
}

document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog, .message, [data-closes]")?.[
    event.target.closest("dialog") ? "close" : "remove"]();
  if (event.target instanceof HTMLDialogElement) event.target.close();
  const copied = event.target.closest("[data-copy]");
  if (copied) navigator.clipboard?.writeText(copied.dataset.copy).then(() => toast("Copied."));
});

// What is chosen is sent at once where a form says so.
document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-at-once]");
  if (form) form.requestSubmit();
});

/** Say something for a moment, to eyes and to screen readers. */
export function toast(text) {
  const said = document.createElement("div");
  said.className = "message good";
  said.textContent = text;
  document.getElementById("toasts")?.append(said);
  setTimeout(() => said.remove(), 5000);
}
for (const said of document.querySelectorAll("#toasts .message.good")) setTimeout(() => said.remove(), 6000);

// Look-ups: a text field whose list comes from the server. WAI-ARIA 1.2, combobox with a listbox.
for (const kind of ["input", "focusin"]) document.addEventListener(kind, (event) => {
  if (event.target.matches?.('[role="combobox"]')) look(event.target, kind === "input");
});
let looking, looked = 0;
function look(field, typed) {
  const box = field.closest(".combobox");
  if (typed) box.querySelector('input[type="hidden"]')?.setAttribute("value", "");
  if (!typed && last(field, box)) return;
  clearTimeout(looking);
  const turn = ++looked;
  looking = setTimeout(async () => {
    const address = new URL(box.dataset.from, location.href);
    address.searchParams.set("text", last(field, box));
    if (box.dataset.table) address.searchParams.set("table", field.form.elements[box.dataset.table]?.value ?? "");
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok || document.activeElement !== field || turn !== looked) return;
    const list = box.querySelector('[role="listbox"]');
    list.innerHTML = await answer.text();
    shown(field, list, true);
  }, typed ? 120 : 0);
}
/** Return what is being chosen: of several values, the one at the end. */
function last(field, box) {
  const by = box.dataset.separator;
  return by ? field.value.slice(field.value.lastIndexOf(by) + 1).trim() : field.value;
}
function shown(field, list, open) {
  list.hidden = !open || !list.children.length;
  field.setAttribute("aria-expanded", String(!list.hidden));
  if (list.hidden) field.removeAttribute("aria-activedescendant");
}
function choose(field, option) {
  clearTimeout(looking);
  looking = null; // an answer that comes late opens no list
  const box = field.closest(".combobox");
  const chosen = option.dataset.label ?? option.textContent.trim(), by = box.dataset.separator;
  field.value = by ? field.value.slice(0, field.value.lastIndexOf(by) + 1) + chosen : chosen;
  const hidden = box.querySelector('input[type="hidden"]');
  if (hidden) hidden.value = option.dataset.value;
  shown(field, box.querySelector('[role="listbox"]'), false);
  box.dispatchEvent(new CustomEvent("chosen", { bubbles: true, detail: option.dataset }));
  if (box.hasAttribute("data-at-once")) box.closest("form").requestSubmit();
}
document.addEventListener("keydown", (event) => {
  const field = event.target.closest?.('[role="combobox"]');
  if (!field) return;
  const list = field.closest(".combobox").querySelector('[role="listbox"]');
  const options = [...list.querySelectorAll('[role="option"]')];
  const active = options.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "Escape" && !list.hidden) { event.stopPropagation(); shown(field, list, false); }
  if (event.key === "Enter" && active >= 0 && !list.hidden) { event.preventDefault(); choose(field, options[active]); }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || !options.length) return;
  event.preventDefault();
  const next = options[(active + step + options.length) % options.length];
  options.forEach((one) => one.setAttribute("aria-selected", String(one === next)));
  field.setAttribute("aria-activedescendant", next.id);
  next.scrollIntoView({ block: "nearest" });
  shown(field, list, true);
});
document.addEventListener("pointerdown", (event) => {
  const option = event.target.closest('.listbox [role="option"]');
  if (option) {
    event.preventDefault();
    choose(option.closest(".combobox").querySelector('[role="combobox"]'), option);
  }
});
document.addEventListener("focusout", (event) => {
  const field = event.target.closest?.('[role="combobox"]');
  if (field) shown(field, field.closest(".combobox").querySelector('[role="listbox"]'), false);
});
