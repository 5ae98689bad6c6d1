// What an app's own page runs flows with: <script src="flows.js"></script>, beside its index.html.
//
//   const { number } = await flows.run("Report a defect", { "What is broken": "The door" });
//   for (const { name, inputs } of await flows.list()) …
//   const { name } = await flows.me();
//
// Runs are in the name of who uses the page. What cannot be done rejects with an Error that has a
// `message` for people, a stable `code`, and the `run` where there was one.
(() => {
  "use strict";
  const asked = new Map();
  let count = 0;

  const port = new Promise((resolve, reject) => {
    if (parent === self) {
      reject(told({ code: "BadRequest", message: "Open this page from the portal's apps." }));
      return;
    }
    addEventListener("message", function handed(event) {
      if (event.source !== parent || event.origin !== location.origin) return;
      if (event.data?.flowner !== "port" || event.ports.length !== 1) return;
      removeEventListener("message", handed);
      event.ports[0].onmessage = ({ data }) => hear(data);
      resolve(event.ports[0]);
    });
    parent.postMessage({ flowner: "hello" }, location.origin);
  });
  port.catch(() => {}); // it is told to whoever asks something

  function hear({ id, value, error }) {
    const { resolve, reject } = asked.get(id) ?? {};
    asked.delete(id);
    if (error) reject?.(told(error));
    else resolve?.(value);
  }

  function told({ code, message, run }) {
    return Object.assign(new Error(message), { name: "FlowError", code, run });
  }

  async function ask(what) {
    const to = await port;
    const id = ++count;
    return new Promise((resolve, reject) => {
      asked.set(id, { resolve, reject });
      to.postMessage({ id, ...what });
    });
  }

  // Files go as flows take them: a name, and the content in base64.
  async function plain(inputs) {
    const pairs = Object.entries(inputs).map(async ([name, value]) => [
      name,
      value instanceof Blob ? { name: value.name ?? "file", contentBytes: await base64(value) } : value,
    ]);
    return JSON.parse(JSON.stringify(Object.fromEntries(await Promise.all(pairs))));
  }

  function base64(blob) {
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1] ?? "");
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(blob);
    });
  }

  Object.defineProperty(window, "flows", {
    value: Object.freeze({
      run: async (flow, inputs = {}) => ask({ what: "run", flow, inputs: await plain(inputs) }),
      list: () => ask({ what: "list" }),
      me: () => ask({ what: "me" }),
    }),
  });
})();
