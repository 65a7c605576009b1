// The box for a sweep file: checks it while one types, shows problems at their lines and the plan, and submits it.

import { duration, element, flops } from "./words.js";

const PAUSE = 700; // milliseconds without a keystroke after which the file is checked
const place = (id) => document.getElementById(id);
const [form, draft, gutter, problems, plan, said] = ["submit-form", "draft", "gutter", "problems", "plan", "submit-said"].map(place);
let waiting = 0;
let asking = null;
let wrong = new Set();

/** Line numbers beside the text, those with a problem marked. */
function number() {
  const lines = draft.value.split("\n").length;
  const made = Array.from({ length: lines }, (_, i) => element("span", `${i + 1}`, wrong.has(i + 1) ? "wrong" : ""));
  gutter.replaceChildren(...made);
  gutter.scrollTop = draft.scrollTop;
}

/** Put the cursor into a line, and select it. */
function go(line) {
  const lines = draft.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0);
  draft.focus();
  draft.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
  draft.scrollTop = Math.max(0, (line - 4) * (draft.scrollHeight / lines.length));
}

/** Show what is wrong with the file: each problem leads to its line. */
function showProblems(problem) {
  const found = problem?.errors ?? [];
  wrong = new Set(found.map((each) => each.line).filter(Boolean));
  draft.setAttribute("aria-invalid", problem ? "true" : "false");
  number();
  if (!problem) return problems.replaceChildren();
  plan.replaceChildren(element("p", "No plan before the file is mended.", "quiet"));
  if (!found.length) return problems.replaceChildren(element("p", problem.detail, "problem"));
  const list = document.createElement("ul");
  for (const each of found) {
    const item = document.createElement("li");
    if (each.line) {
      const button = element("button", `Line ${each.line}`, "plain");
      button.type = "button";
      button.addEventListener("click", () => go(each.line));
      item.append(button, " ");
    }
    item.append(element("span", each.detail.replace(/^\S+:\d+:\d+ /, ""), "problem"));
    list.append(item);
  }
  problems.replaceChildren(list);
}

const sign = (mark, text, kind) => {
  const item = element("li", element("span", mark, "mark"), kind);
  item.append(" ", element("span", text));
  return item;
};

/** Show a plan: how much there is, what it costs, which intervals to expect, and whether it gives a law. */
function showPlan(made) {
  const { totals, verdict, hours } = made;
  const facts = document.createElement("dl");
  facts.className = "facts";
  const fact = (name, text) => facts.append(element("dt", name), element("dd", text));
  fact("Cells", `${made.runs.length} to train${made.recipe_check.runs.length ? `, ${made.recipe_check.runs.length} to check the recipe` : ""}, ${made.dropped.length} dropped`);
  fact("FLOPs", flops(totals.flops_spent));
  if (hours.wall_hours !== null) fact("Time", `about ${duration(3600 * hours.wall_hours)} on ${hours.devices} × ${hours.device}`);
  const one = made.expected[0];
  for (const width of one?.widths ?? [])
    if (width.loss !== null)
      fact(`Expected at ×${width.multiple}`, `N* within a factor of ${width.params_factor?.toPrecision(3) ?? "–"}, loss within ±${width.loss.toPrecision(2)}`);
  const told = document.createElement("ul");
  told.className = "findings";
  const remedy = verdict.remedy ? `. Try ${verdict.remedy.overrides.join(", ")}` : "";
  if (verdict.gives_law) told.append(sign("✓", verdict.reason ? `gives a law, but ${verdict.reason}${remedy}` : "gives a law", "fine"));
  else told.append(sign("!", `gives no law: ${verdict.reason ?? one?.refusal ?? ""}${remedy}`, "doubt"));
  for (const warning of made.warnings) told.append(sign("!", warning, "doubt"));
  plan.replaceChildren(facts, told);
}

/** Ask the service for the plan of the text as it is; a newer question ends this one. */
async function check() {
  clearTimeout(waiting);
  asking?.abort();
  asking = new AbortController();
  plan.setAttribute("aria-busy", "true");
  const signal = asking.signal;
  const response = await fetch("/api/v1/plans", { method: "POST", body: draft.value, signal }).catch(() => null);
  if (signal.aborted) return;
  const answer = await response?.json().catch(() => null);
  plan.removeAttribute("aria-busy");
  if (response?.ok) showPlan(answer);
  showProblems(response?.ok ? null : (answer ?? { detail: "The service did not answer: try again." }));
}

async function submit(event) {
  event.preventDefault();
  clearTimeout(waiting);
  said.textContent = "Submitting …";
  const response = await fetch(form.action, { method: "POST", body: draft.value }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  said.textContent = "";
  if (response?.ok) location.assign(`/sweeps/${encodeURIComponent(answer.name)}`);
  else showProblems(answer ?? { detail: "The service did not answer: try again." });
}

draft.addEventListener("input", () => {
  number();
  clearTimeout(waiting);
  waiting = setTimeout(check, PAUSE);
});
draft.addEventListener("scroll", () => (gutter.scrollTop = draft.scrollTop));
place("check").addEventListener("click", check);
form.addEventListener("submit", submit);
form.hidden = false;
number();
