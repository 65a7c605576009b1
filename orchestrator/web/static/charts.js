// Draws every chart of a page from the JSON next to it, in the reader's colour scheme and at the reader's width.

const dark = matchMedia("(prefers-color-scheme: dark)");
const paper = matchMedia("print");
const NARROW = 560; // pixels of width below which the legends go under the plot

const data = (id) => JSON.parse(document.getElementById(id).textContent);
const drawn = new WeakMap(); // element → {spec, look, result}

const look = (element) =>
  `${dark.matches && !paper.matches ? "dark" : "light"} ${element.clientWidth < NARROW ? "narrow" : "wide"}`;

function config(element) {
  const [scheme, width] = look(element).split(" ");
  const theme = data("chart-themes")[scheme];
  if (width === "wide") return theme;
  const columns = Math.max(2, Math.floor(element.clientWidth / 130));
  const below = { orient: "bottom", columns, layout: { bottom: { direction: "vertical", anchor: "start" } } };
  return { ...theme, legend: { ...theme.legend, ...below } };
}

/** Draw a Vega-Lite spec into an element, instead of what it showed before. */
async function draw(element, spec) {
  const before = drawn.get(element);
  const state = { spec, look: look(element), result: null };
  drawn.set(element, state);
  state.result = await window.vegaEmbed(element, spec, {
    actions: false,
    ast: true, // expressions are interpreted, so that the page's policy need not allow eval
    config: config(element),
    defaultStyle: false,
    renderer: "svg",
    tooltip: { disableDefaultStyle: true },
  });
  before?.result?.finalize();
  if (!before) observer.observe(element);
  element.dataset.drawn = "true";
}

function redraw(element) {
  const state = drawn.get(element);
  if (state && state.look !== look(element)) draw(element, state.spec);
}

/** Draw every plot inside an element: from the script element that its `data-spec` names, or from `data-source`. */
export function drawWithin(root) {
  const open = (plot) => !plot.closest("details:not([open])"); // what is folded has no width yet
  for (const plot of root.querySelectorAll(".plot[data-spec]")) if (open(plot)) draw(plot, data(plot.dataset.spec));
  for (const plot of root.querySelectorAll(".plot[data-source]")) if (open(plot)) load(plot);
}

/** Draw a plot whose spec has an address; what cannot be loaded stays as it was. */
async function load(plot) {
  const response = await fetch(plot.dataset.source).catch(() => null);
  if (response?.ok) draw(plot, await response.json());
}

const plots = () => document.querySelectorAll(".plot[data-spec], .plot[data-source]");
const observer = new ResizeObserver((entries) => entries.forEach((entry) => redraw(entry.target)));
for (const query of [dark, paper]) query.addEventListener("change", () => plots().forEach(redraw));
document.addEventListener("toggle", ({ target }) => target.open && !target.querySelector(".plot[data-drawn]") && drawWithin(target), true);
drawWithin(document);
