// Keeps a sweep's page up to date: progress by Server-Sent Events, everything fitted by fetching the page again.

import { drawWithin } from "./charts.js";
import { cell, duration, flops } from "./words.js";

const RETRY = 3000; // milliseconds until a refused connection is tried again
const progress = document.getElementById("progress");
const text = (id) => document.getElementById(id);
let done = Number(progress.dataset.done);
let state = progress.dataset.state;

function say(id, shown, words) {
  const element = text(id);
  element.hidden = !shown;
  if (shown && element.textContent !== words) element.textContent = words;
}

function show(news) {
  const running = news.running.length;
  state = news.state;
  text("state").textContent = state;
  text("state").className = `badge ${state}`;
  text("bar").max = news.flops_planned || 1;
  text("bar").value = news.flops_spent;
  say("runs-done", true, `${news.done} of ${news.total} runs done`);
  say("runs-running", running > 0, `${running} in training`);
  say("runs-failed", news.failed > 0, `${news.failed} failed`);
  say("flops", true, `${news.flops_spent ? flops(news.flops_spent) : 0} of ${flops(news.flops_planned)} FLOPs`);
  say("note", Boolean(news.held || news.waits), news.held || news.waits);
  train(news.running);
  say("time-left", Boolean(news.seconds_left), `about ${duration(news.seconds_left ?? 0)} left`);
}

/** The runs in training: who trains what, with step, loss and time left. */
function train(runs) {
  text("training-table").hidden = !runs.length;
  text("training").hidden = !runs.length && !text("until-law").textContent.trim();
  const rows = runs.map((run) => {
    const row = document.createElement("tr");
    const link = document.createElement("a");
    link.href = `/runs/${run.run_id}`;
    link.textContent = run.shape;
    const name = cell(link, "wrap-name", "th");
    name.scope = "row";
    const left = run.seconds_left === null ? "–" : duration(run.seconds_left);
    row.append(
      name,
      cell(run.loss === null ? "–" : run.loss.toFixed(3), "number"),
      cell(flops(run.budget), "number"),
      cell(`${run.step} of ${run.steps}`, "number"),
      cell(left, "number"),
      cell(run.worker || "–"),
    );
    return row;
  });
  if (!text("training-rows").contains(document.activeElement)) text("training-rows").replaceChildren(...rows);
}

/** Put what takes long into its place once it is there: each such element names the page that has it. */
async function complete() {
  for (const place of document.querySelectorAll("[data-fragment]")) {
    const address = place.dataset.fragment;
    delete place.dataset.fragment;
    const response = await fetch(address).catch(() => null);
    if (!response?.ok) continue;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const made = page.getElementById(place.id);
    if (made && place.isConnected) place.replaceChildren(...made.childNodes);
  }
}

let refreshing = null;
let stale = false;

/** Replace the sections that depend on runs by those of a fresh copy of the page; what was opened stays open. */
async function refresh() {
  const response = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!response.ok) return;
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(old.id);
    if (!fresh) continue;
    if (old.innerHTML === fresh.innerHTML || old.contains(document.activeElement)) continue; // nothing new, or in use
    for (const details of old.querySelectorAll("details[id]")) {
      const again = fresh.querySelector(`#${CSS.escape(details.id)}`);
      if (again) again.open = details.open;
    }
    for (const plot of old.querySelectorAll(".plot[data-drawn]")) {
      const again = fresh.querySelector(`.plot[data-source="${CSS.escape(plot.dataset.source)}"]`);
      again?.replaceWith(plot); // what is drawn stays until it is drawn again
    }
    old.replaceChildren(...fresh.childNodes);
    drawWithin(old);
  }
  complete();
}

/** One refresh at a time; news that comes in the meantime asks for one more. */
function refreshSoon() {
  if (refreshing) {
    stale = true;
    return;
  }
  refreshing = refresh()
    .catch(() => {})
    .finally(() => {
      refreshing = null;
      if (stale) {
        stale = false;
        refreshSoon();
      }
    });
}

function listen() {
  const source = new EventSource(progress.dataset.events);
  source.addEventListener("open", () => (text("connection").hidden = true));
  source.addEventListener("progress", (event) => {
    const news = JSON.parse(event.data);
    const before = state;
    show(news);
    if (news.done !== done || state !== before) refreshSoon();
    done = news.done;
    if (news.finished) source.close(); // nothing more will happen
  });
  source.addEventListener("error", () => {
    text("connection").hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY); // the browser itself has given up
  });
}

document.addEventListener("isoflop:changed", refreshSoon);
listen();
complete();
