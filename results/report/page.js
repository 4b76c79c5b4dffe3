"use strict";
// DATA: themes, charts of the run, cells (id, guard, scenario, pack, first and last violation), columns of violations.
const root = document.documentElement;
const unpackedPacks = new Map();
const embedded = new Map(); // element -> spec: drawn again when the theme changes
const byId = new Map(DATA.cells.map((cell) => [cell.id, cell]));

let chosen = null; // light or dark, once the reader has said so

function mode() {
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function theme() {
  root.dataset.theme = mode();
}

async function unpack(number) {
  if (!unpackedPacks.has(number)) {
    const text = document.getElementById(`pack-${number}`).textContent;
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    unpackedPacks.set(number, new Response(stream).json());
  }
  return unpackedPacks.get(number);
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

async function embed(node, spec) {
  embedded.set(node, spec);
  const config = DATA.themes[mode()];
  const actions = { export: true, source: false, compiled: false, editor: false };
  const options = { config, renderer: "svg", actions, loader: { target: "_self" }, logLevel: 1, downloadFileName: node.dataset.name || "leasebench" };
  await leasebenchEmbed(node, spec, options);
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    const spec = embedded.get(entry.target);
    embed(entry.target, spec).catch((error) => { entry.target.textContent = `this chart could not be drawn: ${error.message}`; console.error(error); });
  }
}, { rootMargin: "300px" });

function chart(name, spec) {
  const node = make("div", { class: "chart", "data-name": name });
  embedded.set(node, spec);
  seen.observe(node);
  return node;
}

function only(spec, guard) {
  const filter = { filter: { field: "guard", equal: guard } };
  const title = { ...spec.title, subtitle: [`${guard}: service time, all trials merged`] };
  return { ...spec, title, transform: [filter, ...(spec.transform || [])] };
}

async function fillScenario(details) {
  const pack = await unpack(Number(details.dataset.pack));
  const body = details.querySelector(".body");
  body.replaceChildren(...pack.charts.map(([name, , spec]) => chart(`${name}-${details.dataset.scenario}`, spec)));
}

function story(told) {
  const list = make("ol", { class: "story" });
  for (const [time, text] of told.chapters) list.append(make("li", {}, make("time", {}, time), make("span", {}, text)));
  const parts = [make("p", {}, make("b", {}, told.headline)), list];
  const diagram = make("div", { class: "diagram" });
  // Made by leasebench itself, with every name in it escaped.
  diagram.innerHTML = inMode(told.svg);
  diagrams.set(diagram, told.svg);
  parts.push(diagram);
  if (told.cure.length) {
    const rows = told.cure.map(([rule, answer, why]) => make("tr", {}, make("td", {}, rule), make("td", {}, answer), make("td", {}, why)));
    const table = make("table", { class: "plain cure" }, make("caption", {}, told.verdict), make("tbody", {}, ...rows));
    parts.push(make("div", { class: "wide" }, table));
  }
  return parts;
}
const diagrams = new Map();

// A diagram comes in the inks of light ground.
function inMode(svg) {
  if (mode() === "light") return svg;
  return svg.replace(/"(#[0-9a-f]{6})"/g, (whole, ink) => (DATA.inks[ink] ? `"${DATA.inks[ink]}"` : whole));
}

function violationTable(cell, detail) {
  const head = make("tr", {}, ...DATA.violation_columns.map((title) => make("th", {}, title)));
  const rows = detail.violations.map((row) => {
    const [number, ...rest] = row;
    const link = make("a", { href: `#violation-${number}` }, `no. ${number}`);
    return make("tr", { id: `violation-${number}` }, make("td", {}, link), ...rest.map((value) => make("td", {}, value === null ? "-" : String(value))));
  });
  const table = make("table", { class: "figures", "data-name": `violations-${cell.guard}-${cell.scenario}` }, make("thead", {}, head), make("tbody", {}, ...rows));
  const parts = [make("h4", {}, `Violations (${cell.count.toLocaleString("en")})`), table, take(table)];
  if (cell.count > rows.length) parts.push(make("p", { class: "lead" }, `The first ${rows.length} stand here; any other is told by leasebench explain RUN --violation N, N from ${cell.ranges[0][0]}.`));
  return make("div", { class: "wide" }, ...parts);
}

async function fillCell(details) {
  const cell = byId.get(details.id);
  const pack = await unpack(cell.pack);
  const detail = pack.cells[cell.guard];
  const body = details.querySelector(".body");
  const parts = [];
  if (detail.story) {
    parts.push(make("h4", {}, `The first violation: no. ${detail.story.number}, trial ${detail.story.trial}`), ...story(detail.story));
  }
  for (const [name, spec] of Object.entries(detail.charts)) parts.push(chart(`${name}-${cell.guard}-${cell.scenario}`, spec));
  for (const [name, guards, spec] of pack.charts) {
    if (name === "latency_histogram" && guards.includes(cell.guard)) parts.push(chart(`${name}-${cell.guard}-${cell.scenario}`, only(spec, cell.guard)));
  }
  if (detail.violations.length) parts.push(violationTable(cell, detail));
  body.replaceChildren(...parts);
}

async function open(details) {
  details.open = true;
  if (!details.dataset.filled) details.dataset.filled = details.matches(".cell") ? "cell" : "scenario", details.filling = details.matches(".cell") ? fillCell(details) : fillScenario(details);
  try { await details.filling; } catch (error) { details.querySelector(".body").textContent = `could not be unpacked: ${error.message}`; console.error(error); }
}

document.addEventListener("toggle", (event) => { if (event.target.open) open(event.target); }, true);

// Links to cells and to violations, whose rows are not there before their cell is opened.
async function follow() {
  const hash = decodeURIComponent(location.hash.slice(1));
  const asked = /^violation-(\d+)$/.exec(hash);
  for (const row of document.querySelectorAll("tr.target")) row.classList.remove("target");
  if (asked) {
    const number = Number(asked[1]);
    const cell = DATA.cells.find((one) => one.ranges.some(([first, last]) => first <= number && number <= last));
    if (!cell) return;
    const details = document.getElementById(cell.id);
    show(details);
    await open(details);
    const row = document.getElementById(hash);
    if (row) row.classList.add("target");
    (row || details).scrollIntoView();
    return;
  }
  const target = hash && document.getElementById(hash);
  if (target && target.matches("details")) {
    show(target);
    await open(target);
    target.scrollIntoView();
  }
}

function show(details) {
  if (details.hidden || details.closest("[hidden]")) clear();
}

// Filters.
const filters = { guard: document.getElementById("f-guard"), scenario: document.getElementById("f-scenario"), verdict: document.getElementById("f-verdict") };

function fits(node) {
  return Object.entries(filters).every(([name, select]) => !select.value || node.dataset[name] === undefined || node.dataset[name] === select.value);
}

function filter() {
  let cells = 0;
  for (const node of document.querySelectorAll("tr[data-guard], details.cell, details.scenario")) node.hidden = !fits(node);
  for (const section of document.querySelectorAll("section.guard")) {
    const left = section.querySelectorAll("details.cell:not([hidden])").length;
    section.hidden = !left;
    cells += left;
  }
  document.getElementById("f-count").textContent = `${cells} of ${DATA.cells.length} cells`;
}

function clear() {
  for (const select of Object.values(filters)) select.value = "";
  filter();
}

for (const select of Object.values(filters)) select.addEventListener("change", filter);
document.getElementById("f-clear").addEventListener("click", clear);

// Figures, copied or saved: what the filters show.
function rowsOf(table, before = []) {
  const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
  return shown.map((row) => [...before, ...[...row.cells].map((cell) => cell.dataset.v ?? cell.textContent)]);
}

function headOf(table) {
  return [...table.tHead.rows[0].cells].map((cell) => cell.textContent.replace(/\s+/g, " "));
}

function quoted(value) {
  // A text that a spreadsheet would take for a formula is marked as text.
  const text = /^[=@+]|^-[^\d]/.test(value) ? `'${value}` : value;
  return /[",\n']/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(name, rows) {
  const text = rows.map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";
  const link = make("a", { download: `${name}.csv`, href: URL.createObjectURL(new Blob([text], { type: "text/csv" })) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

function take() {
  return make("p", { class: "take" }, make("button", { class: "copy", type: "button" }, "copy"), make("button", { class: "csv", type: "button" }, "save as CSV"));
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const table = button.closest(".wide")?.querySelector("table");
  if (button.matches(".csv")) save(table.dataset.name, [headOf(table), ...rowsOf(table)]);
  if (button.matches(".csv-all")) {
    const tables = [...document.querySelectorAll("section.guard > .wide table")];
    save("figures", [["guard", ...headOf(tables[0])], ...tables.flatMap((one) => rowsOf(one, [one.dataset.name]))]);
  }
  if (button.matches(".copy")) {
    const text = [headOf(table), ...rowsOf(table)].map((row) => row.join("\t")).join("\n");
    await copyText(text);
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  }
  if (button.id === "theme") {
    chosen = mode() === "dark" ? "light" : "dark";
    theme();
    redraw();
  }
});

async function copyText(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = make("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

function redraw() {
  for (const [node, spec] of embedded) if (node.isConnected && node.hasChildNodes()) embed(node, spec);
  for (const [node, svg] of diagrams) if (node.isConnected) node.innerHTML = inMode(svg);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { theme(); redraw(); });
theme();

for (const node of document.querySelectorAll(".chart[data-chart]")) {
  const spec = DATA.charts[node.dataset.chart];
  node.dataset.name = node.dataset.chart;
  if (!spec) { node.remove(); continue; }
  embedded.set(node, spec);
  seen.observe(node);
}
filter();
addEventListener("hashchange", follow);
follow();
