// What a reader does on a page without leaving it: controls of a sweep, tables sorted in place, sliders.

import { count, flops } from "./words.js";

const PAUSE = 150; // milliseconds without a move after which a slider asks

/** Send a control of a sweep, and say what came of it. */
async function control(event) {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.sure && !confirm(form.dataset.sure)) return;
  const said = document.getElementById("action-said");
  const response = await fetch(form.action, { method: "POST" }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  said.className = response?.ok ? "quiet" : "problem";
  said.textContent = answer?.message ?? answer?.detail ?? "The service did not answer: try again.";
  document.activeElement?.blur();
  document.dispatchEvent(new Event("isoflop:changed"));
}

/** Put a part of the page at an address in the place of this page's. */
async function swap(id, address) {
  const response = await fetch(address).catch(() => null);
  if (!response?.ok) return location.assign(address);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const fresh = page.getElementById(id);
  const old = document.getElementById(id);
  if (!fresh || !old) return location.assign(address);
  old.replaceChildren(...fresh.childNodes);
  if (location.pathname === new URL(address, location.href).pathname) history.replaceState(null, "", address);
}

document.addEventListener("submit", (event) => {
  control(event);
  const form = event.target.closest("form[data-swap]");
  if (!form) return;
  event.preventDefault();
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  swap(form.dataset.swap, `${form.getAttribute("action")}?${query}`);
});

document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const title = link.textContent.replace(/[ ↑↓]/g, "");
  await swap(link.dataset.swap, link.getAttribute("href"));
  for (const again of document.querySelectorAll(`#${link.dataset.swap} a[data-swap]`))
    if (again.textContent.replace(/[ ↑↓]/g, "") === title) again.focus();
});

/** Ask what the sliders of a form say, a moment after the last move, and show the reply. */
function slide(form, place) {
  const inputs = [...form.querySelectorAll("input[type=range]")];
  const shown = document.getElementById(`slid-${form.dataset.slides}`);
  let waiting = 0;
  let asking = null;
  const say = () => {
    for (const input of inputs) {
      const value = 10 ** Number(input.value);
      const words = input.dataset.name === "flops" ? `${flops(value)} FLOPs` : count(value);
      document.getElementById(`said-${input.dataset.name}`).textContent = words;
      input.setAttribute("aria-valuetext", words);
    }
  };
  const ask = async () => {
    asking?.abort();
    asking = new AbortController();
    const query = new URLSearchParams(inputs.map((i) => [i.dataset.name, (10 ** Number(i.value)).toExponential(2)]));
    if (place.dataset.variant) query.set("variant", place.dataset.variant);
    if (place.dataset.lossKey) query.set("loss_key", place.dataset.lossKey);
    const signal = asking.signal;
    const response = await fetch(`${place.dataset.answer}?${query}`, { signal }).catch(() => null);
    if (!response?.ok) return;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    if (!signal.aborted) shown.replaceChildren(...page.getElementById("reply").childNodes);
  };
  form.addEventListener("input", () => {
    say();
    clearTimeout(waiting);
    waiting = setTimeout(ask, PAUSE);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  say();
}

const place = document.getElementById("sliders");
if (place) {
  place.hidden = false;
  for (const form of place.querySelectorAll("form[data-slides]")) slide(form, place);
}
