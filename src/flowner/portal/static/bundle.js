// The portal's side of an app's own page. The page is somebody else's code: it is in a frame whose
// origin is nobody's, and may ask three things through one port: run a flow of this app, list the
// app's flows, and the name of who is here. What it says is never shown as ours.

const frame = document.querySelector("iframe[data-bundle]");
const token = document.querySelector('meta[name="form-token"]').content;
const { app, me } = frame.dataset;
const AT_ONCE = 4;
const SIGNED_OUT = { code: "Unauthenticated", message: "You are signed out: sign in again." };
const NO_ANSWER = { code: "ServiceUnavailable", message: "The server does not answer: try again." };
let port = null, running = 0;
const waiting = [];

// Each document in the frame says that it is there, and gets a port of its own. Its origin is
// opaque: it has no name to send to, but only files of the bundle are let into the frame.
addEventListener("message", (event) => {
  if (event.source !== frame.contentWindow || event.origin !== "null") return;
  if (event.data?.flowner !== "hello") return;
  port?.close();
  waiting.length = 0;
  const { port1, port2 } = new MessageChannel();
  port = port1;
  port1.onmessage = ({ data }) => hear(port1, data);
  frame.contentWindow.postMessage({ flowner: "port" }, "*", [port2]);
});

function hear(from, asked) {
  if (typeof asked !== "object" || asked === null) return;
  waiting.push({ from, asked });
  next();
}

function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  const { from, asked } = waiting.shift();
  running += 1;
  answer(asked)
    .catch(() => ({ error: NO_ANSWER }))
    .then((said) => {
      running -= 1;
      from.postMessage({ id: asked.id, ...said });
      next();
    });
}

async function answer(asked) {
  if (asked.what === "me") return { value: { name: me } };
  if (asked.what === "list") {
    const { flows, error } = await send("flows", {});
    return error ? { error } : { value: flows };
  }
  if (asked.what !== "run") {
    return { error: { code: "BadRequest", message: "The portal knows `run`, `list` and `me`." } };
  }
  const body = new FormData();
  body.set("flow", String(asked.flow));
  body.set("inputs", JSON.stringify(asked.inputs ?? {}));
  const { outputs, error } = await send("call", { method: "POST", body });
  return error ? { error } : { value: outputs };
}

async function send(path, options) {
  const headers = { "X-Form-Token": token };
  const said = await fetch(`${app}/${path}`, { ...options, headers, redirect: "manual" });
  if (said.type === "opaqueredirect") return refused("sign-in", SIGNED_OUT);
  if (!said.headers.get("content-type")?.startsWith("application/json")) {
    return said.status === 403 ? refused("sign-in", SIGNED_OUT) : { error: NO_ANSWER };
  }
  const told = await said.json();
  const lacks = told.error?.code === "InvokerConnectionOverrideFailed";
  return lacks ? refused("consent", told.error) : told;
}

function refused(why, error) {
  document.querySelector(`[data-refused="${why}"]`).hidden = false;
  return { error };
}

frame.src = frame.dataset.bundle;
