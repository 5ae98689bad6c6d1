// The page asks, the flow does: it notes a request as whoever reports, and writes to the desk from
// their own account.
const form = document.getElementById("report");
const done = document.getElementById("done");
const problem = document.getElementById("problem");

const { name } = await flows.me();
document.getElementById("hello").textContent =
  `Hello ${name.split(" ")[0]}. Tell us what is broken, and the service desk mends it.`;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  problem.hidden = true;
  button.disabled = true;
  button.textContent = "Sending …";
  try {
    const { number, desk } = await flows.run("Report a defect", Object.fromEntries(new FormData(form)));
    document.getElementById("number").textContent = number;
    document.getElementById("told").textContent = `We have told ${desk}, in your name.`;
    show(done);
    done.focus();
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    button.disabled = false;
    button.textContent = "Send the report";
  }
});

document.getElementById("again").addEventListener("click", () => {
  form.reset();
  show(form);
  form.querySelector("input").focus();
});

function show(one) {
  for (const part of [form, done]) part.hidden = part !== one;
}
