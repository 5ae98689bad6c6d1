// Texts with pills: an editable text is laid over a plain field, which stays what is sent. The server
// cuts a text into pieces and says what each expression is called; here they are moved about and put
// together again, byte for byte. No expression is read here.
const KEPT = "application/x-flowner-pieces";
const GOES_ON = ["typing", "deleteContentBackward", "deleteContentForward"];
const PLAIN = { pieces: null, wrong: null };
const known = new WeakMap();
const isPill = (node) => node?.nodeType === 1 && node.matches(".pill");

/** Ask the server about a text, or an expression: its pieces, what is wrong, the call around. */
export async function read(asked) {
  const base = document.querySelector("[data-base]").dataset.base;
  const answer = await fetch(`${base}/formula`, { method: "POST", headers: { "HX-Request": "true", "X-Form-Token": document.querySelector('meta[name="form-token"]').content }, body: new URLSearchParams(asked) });
  if (!answer.ok) return null;
  const all = document.createElement("template");
  all.innerHTML = await answer.text();
  const part = (which) => all.content.querySelector(which);
  return { pieces: part("template").content, wrong: part(".formula-wrong"), hint: part(".hint") };
}

/** Return the pieces that nodes are: texts as they are, pills as what they stand for. */
function pieces(nodes) {
  const found = [];
  for (const node of nodes) {
    if (isPill(node)) found.push({ expression: node.dataset.expression, whole: "whole" in node.dataset });
    else if (node.nodeName !== "BR" && node.textContent) {
      const last = found.at(-1);
      if (last && "text" in last) last.text += node.textContent;
      else found.push({ text: node.textContent });
    }
  }
  return found;
}
/** Put pieces together. One that stands alone as a whole keeps its type; beside text it is text. */
function joined(list) {
  if (list.length === 1 && list[0].whole) return `@${list[0].expression}`;
  return list.map((one, at) => {
    if ("expression" in one) return `@{${one.expression}}`;
    return list[at + 1] && "expression" in list[at + 1] ? one.text.replace(/@$/, "@{'@'}") : one.text;
  }).join("");
}

export class Editor {
  constructor(field) {
    this.field = field;
    this.at = field.value.length;
    this.past = [];
    this.future = [];
    const box = (this.box = document.createElement("div"));
    box.className = "pills";
    box.contentEditable = "true";
    box.spellcheck = false;
    for (const [name, value] of [["role", "textbox"], ["aria-multiline", "true"]]) box.setAttribute(name, value);
    this.named();
    this.show(field.nextElementSibling.content.cloneNode(true));
    field.hidden = true;
    field.after(box);
    known.set(box, this);
    this.last = this.snapshot();
    for (const kind of ["beforeinput", "input", "keydown", "paste", "copy", "cut", "click", "focusout", "drop", "compositionend"]) box.addEventListener(kind, (event) => this[kind](event));
  }
  named() {
    const label = this.field.labels?.[0], said = this.field.getAttribute("aria-label");
    if (said) this.box.setAttribute("aria-label", said);
    this.field.removeAttribute("aria-label");
    if (!label) return;
    label.id ||= `${this.field.id}-label`;
    label.removeAttribute("for");
    label.addEventListener("click", () => this.focus());
    this.box.setAttribute("aria-labelledby", label.id);
    if (label.matches(".required")) this.box.setAttribute("aria-required", "true");
  }
  show(fragment) {
    this.box.replaceChildren(fragment);
    this.tidy();
  }
  /** Keep what browsers need and add: texts as one node each, and a last line that can be reached. */
  tidy() {
    for (const node of [...this.box.childNodes]) if (node.nodeType === 1 && !isPill(node)) node.nodeName === "BR" ? node.remove() : node.replaceWith(node.textContent);
    this.box.normalize();
    this.box.append(document.createElement("br"));
  }
  get value() { return joined(pieces(this.box.childNodes)); }
  get isEmpty() { return !pieces(this.box.childNodes).length; }

  // The caret, as a number of characters of the value.
  length(node) { return isPill(node) ? node.dataset.expression.length + 3 : node.nodeName === "BR" ? 0 : node.textContent.length; }
  offset(node, at) {
    const nodes = [...this.box.childNodes];
    let count = 0, end = node === this.box ? at : nodes.findIndex((one) => one === node || one.contains(node));
    for (const one of nodes.slice(0, end)) count += this.length(one);
    return node === this.box ? count : isPill(nodes[end]) ? count + this.length(nodes[end]) : count + at;
  }
  caret() {
    const chosen = getSelection();
    if (chosen.rangeCount && this.box.contains(chosen.focusNode)) this.at = this.offset(chosen.focusNode, chosen.focusOffset);
    return this.at;
  }
  place(at) {
    let left = at;
    for (const [index, node] of [...this.box.childNodes].entries()) {
      if (node.nodeType === 3 && left <= node.length) return [node, left];
      if (left <= 0 || node.nodeName === "BR") return [this.box, index];
      left -= this.length(node);
    }
    return [this.box, this.box.childNodes.length];
  }
  focus(at = this.at) {
    this.box.focus();
    getSelection().collapse(...this.place(at));
    this.at = at;
  }
  get pills() { return [...this.box.querySelectorAll(".pill")]; }
  /** Return the pill that the caret touches on a side: -1 before it, 1 behind it. */
  beside(side) {
    const chosen = getSelection();
    if (!chosen.isCollapsed) return null;
    let { focusNode: node, focusOffset: at } = chosen;
    if (node !== this.box) {
      if (side < 0 ? at > 0 : at < node.textContent.length) return null;
      at = [...this.box.childNodes].indexOf(node) + (side > 0 ? 1 : 0);
    }
    const next = this.box.childNodes[side < 0 ? at - 1 : at];
    return isPill(next) ? next : null;
  }
  around(pill, side) { return this.offset(this.box, [...this.box.childNodes].indexOf(pill) + (side > 0 ? 1 : 0)); }

  // What has been done, to be undone.
  snapshot() { return { nodes: [...this.box.childNodes].map((one) => one.cloneNode(true)), at: this.caret() }; }
  done(kind, caret) {
    this.tidy();
    if (caret !== undefined) this.focus(caret);
    const now = Date.now(), goesOn = GOES_ON.includes(kind) && this.kind === kind && now - this.when < 800;
    if (!goesOn) this.past.push(this.last);
    this.future = [];
    [this.kind, this.when, this.last] = [kind, now, this.snapshot()];
    this.changed();
  }
  back(from, to) {
    const state = from.pop();
    if (!state) return;
    to.push(this.last);
    this.last = state;
    this.kind = "";
    this.box.replaceChildren(...state.nodes.map((one) => one.cloneNode(true)));
    this.focus(state.at);
    this.changed();
  }
  changed() {
    this.field.value = this.value;
    this.isUnread = true;
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.check(), 300);
  }

  /** Let the server read the text. ``settled``: nobody is writing in it any more. */
  async check(settled = false) {
    clearTimeout(this.waiting);
    const text = this.field.value, found = text.includes("@") ? await read({ text }) : PLAIN;
    if (!found || text !== this.field.value || !this.box.isConnected) return;
    this.wrong(found.wrong);
    if (found.pieces) this.meet(found.pieces, settled);
    else this.isUnread = false;
  }
  wrong(said) {
    this.box.parentElement.querySelector(":scope > .formula-wrong")?.remove();
    this.box.toggleAttribute("aria-invalid", Boolean(said));
    if (!said) return this.box.removeAttribute("aria-describedby");
    said.id = this.box.getAttribute("aria-describedby") || `wrong-${Math.random().toString(36).slice(2)}`;
    this.box.setAttribute("aria-invalid", "true");
    this.box.setAttribute("aria-describedby", said.id);
    this.box.after(said);
  }
  /** Show what the server has read, unless somebody is in the middle of it. */
  meet(fragment, settled) {
    const key = (nodes) => JSON.stringify(pieces(nodes).map((one) => one.text ?? [one.expression]));
    const pills = [...fragment.querySelectorAll(".pill")];
    if (key(fragment.childNodes) === key(this.box.childNodes)) {
      for (const [at, pill] of [...this.box.querySelectorAll(".pill")].entries()) {
        for (const name of ["class", "aria-label", "title"]) pill.setAttribute(name, pills[at].getAttribute(name));
        pill.replaceChildren(...pills[at].childNodes);
      }
      this.isUnread = false;
      return;
    }
    if (this.isHeld) return;
    const active = document.activeElement, isHere = this.box.contains(active), isOnPill = isHere && isPill(active);
    const at = isOnPill ? this.around(active, -1) : this.caret(), which = this.pills.indexOf(active);
    if (isHere && !isOnPill && !settled) {
      let from = 0;
      for (const node of fragment.childNodes) {
        const to = from + this.length(node);
        if (isPill(node) && ("whole" in node.dataset || (at > from && at < to))) return;
        from = to;
      }
    }
    this.show(fragment);
    this.isUnread = false;
    if (isHere) this.focus(at);
    if (isOnPill) this.pills[which]?.focus();
    this.last = this.snapshot();
  }

  /** Put a pill where the caret is, or text. */
  insert(nodes, kind = "insert") {
    const [node, at] = this.place(this.at), range = document.createRange();
    range.setStart(node, at);
    let caret = this.at;
    for (const one of nodes) {
      range.insertNode(one);
      range.setStartAfter(one);
      range.collapse(true);
      caret += this.length(one);
    }
    this.done(kind, caret);
  }
  add(pill) {
    pill.toggleAttribute("data-whole", this.isEmpty);
    this.insert([pill]);
  }
  swap(old, pill) {
    if (old.dataset.expression !== pill.dataset.expression) {
      pill.toggleAttribute("data-whole", "whole" in old.dataset);
      old.replaceWith(pill);
      this.done("swap");
      old = pill;
    }
    old.focus();
  }
  remove(pill) {
    const at = this.around(pill, -1);
    pill.remove();
    this.done("remove", at);
  }
  cutOut() {
    const range = getSelection().getRangeAt(0), at = this.offset(range.startContainer, range.startOffset);
    range.deleteContents();
    this.done("remove", at);
  }
  write(text) {
    if (!getSelection().isCollapsed) this.cutOut();
    this.caret();
    this.insert([document.createTextNode(text)], "typing");
  }

  // What the keyboard, the mouse and the clipboard do.
  beforeinput(event) {
    const kind = event.inputType;
    if (kind === "historyUndo" || kind === "historyRedo") {
      event.preventDefault();
      return kind === "historyUndo" ? this.back(this.past, this.future) : this.back(this.future, this.past);
    }
    if (kind === "insertParagraph" || kind === "insertLineBreak") { event.preventDefault(); return this.write("\n"); }
    if (kind.startsWith("format") || kind.startsWith("insertFrom")) return event.preventDefault();
    const isChosen = !getSelection().isCollapsed;
    if (kind.startsWith("delete")) {
      const pill = this.beside(kind.endsWith("Forward") ? 1 : -1);
      if (isChosen) { event.preventDefault(); this.cutOut(); } else if (pill) { event.preventDefault(); this.remove(pill); }
    } else if (kind === "insertText" && isChosen && event.data !== null) { event.preventDefault(); this.write(event.data); }
  }
  input(event) {
    if (event.isComposing) this.field.value = this.value;
    else this.done(event.inputType === "insertText" ? "typing" : event.inputType, this.caret());
  }
  compositionend() { this.done("typing", this.caret()); }
  keydown(event) {
    const control = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (control && (key === "z" || key === "y")) {
      event.preventDefault();
      return key === "z" && !event.shiftKey ? this.back(this.past, this.future) : this.back(this.future, this.past);
    }
    if (isPill(event.target)) return this.onPill(event, event.target);
    const side = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const pill = side && !event.shiftKey && !control && this.beside(side);
    if (pill) { event.preventDefault(); pill.focus(); }
  }
  onPill(event, pill) {
    const control = event.ctrlKey || event.metaKey || event.altKey;
    const way = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1, Home: -1, End: 1 }[event.key];
    if (way) {
      if (event.key.startsWith("Arrow")) event.preventDefault();
      this.focus(this.around(pill, way));
    } else if (event.key === "Enter" || event.key === " " || event.key === "F2") {
      event.preventDefault();
      this.open(pill);
    } else if (event.key === "Backspace" || event.key === "Delete") {
      event.preventDefault();
      this.remove(pill);
    } else if (event.key.length === 1 && !control) this.focus(this.around(pill, 1));
  }
  open(pill) { this.box.dispatchEvent(new CustomEvent("pill", { bubbles: true, detail: pill })); }
  click(event) {
    const pill = event.target.closest(".pill");
    if (pill) this.open(pill);
  }
  focusout(event) {
    if (this.isUnread && !this.box.contains(event.relatedTarget)) this.check(true);
  }
  copy(event) {
    const active = document.activeElement, range = getSelection().rangeCount ? getSelection().getRangeAt(0) : null;
    const nodes = isPill(active) ? [active] : range ? [...range.cloneContents().childNodes] : [];
    const list = pieces(nodes);
    if (!list.length) return false;
    event.preventDefault();
    event.clipboardData.setData("text/plain", joined(list));
    event.clipboardData.setData(KEPT, JSON.stringify(list));
    return true;
  }
  cut(event) {
    const pill = document.activeElement;
    if (!this.copy(event)) return;
    isPill(pill) ? this.remove(pill) : this.cutOut();
  }
  paste(event) {
    event.preventDefault();
    this.take(event.clipboardData);
  }
  drop(event) {
    event.preventDefault();
    const at = document.caretPositionFromPoint?.(event.clientX, event.clientY);
    if (at && this.box.contains(at.offsetNode)) this.focus(this.offset(at.offsetNode, at.offset));
    this.take(event.dataTransfer);
  }
  take(data) {
    if (isPill(document.activeElement)) this.focus(this.around(document.activeElement, 1));
    if (!getSelection().isCollapsed) this.cutOut();
    this.caret();
    const kept = data.getData(KEPT), text = data.getData("text/plain").replace(/\r\n?/g, "\n");
    const list = kept ? JSON.parse(kept) : [{ text }];
    this.insert(list.map((one) => ("expression" in one ? bare(one) : document.createTextNode(one.text))), "paste");
    this.check(true);
  }
}
/** Return a pill that the server has not named yet. */
function bare({ expression, whole }) {
  const pill = document.createElement("span");
  pill.className = "pill formula";
  pill.contentEditable = "false";
  pill.tabIndex = -1;
  pill.setAttribute("role", "button");
  pill.setAttribute("aria-label", expression);
  pill.dataset.expression = expression;
  if (whole) pill.dataset.whole = "";
  pill.textContent = expression;
  return pill;
}

/** Return the editor that something is in. */
export const editorOf = (node) => known.get(node?.closest?.(".pills"));
/** Lay an editor over a plain field, and return it; what it was is what it has pieces of. */
export function over(field) { return field.hidden ? known.get(field.nextElementSibling) : new Editor(field); }

// The caret is remembered when it leaves: that is where something is put.
document.addEventListener("selectionchange", () => editorOf(getSelection().focusNode?.parentElement?.closest(".pills") ?? getSelection().focusNode)?.caret());
// Whoever saves goes on where they were; what is added to a condition is filled in next.
let left = null;
document.addEventListener("htmx:before:request", () => {
  const here = editorOf(document.activeElement), adds = document.activeElement?.dataset?.adds;
  left = here ? { name: here.field.name, at: here.caret() } : adds !== undefined ? { group: adds } : null;
});
function enhance() {
  for (const field of document.querySelectorAll("#panel textarea[data-pills]:not([hidden])")) over(field);
  if (!left || document.activeElement !== document.body) return;
  const rows = left.group === undefined ? [] : [...document.querySelectorAll(`#panel .group[data-place="${left.group}"] > .parts > *`)];
  const field = left.name && document.querySelector(`#panel textarea[name="${CSS.escape(left.name)}"]`);
  if (field) over(field).focus(Math.min(left.at, field.value.length));
  rows.at(-1)?.querySelector(".pills")?.focus();
  left = null;
}
document.addEventListener("htmx:after:swap", enhance);
enhance();
