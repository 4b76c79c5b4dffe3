"use strict";
// DATA: themes, pictures of the run, cells (id, guard, scenario, verdict, pack, first and last violation), columns of violations.
const root = document.documentElement;
const unpackedPacks = new Map();
const byId = new Map(DATA.cells.map((cell) => [cell.id, cell]));

let chosen = null; // light or dark, once the reader has said so

function mode() {
  return chosen ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
}

function theme() {
  root.dataset.theme = mode();
  document.getElementById("theme").setAttribute("aria-pressed", String(mode() === "dark"));
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

// The state of the page is its address: #ANCHOR?guard=a&guard=b&verdict=stale, either part alone too.
const FILTERS = ["guard", "scenario", "verdict"];
const filters = Object.fromEntries(FILTERS.map((name) => [name, new Set()]));

function address() {
  const [anchor, query = ""] = location.hash.slice(1).split("?");
  let name = anchor;
  try { name = decodeURIComponent(anchor); } catch { /* not of our making: it leads nowhere */ }
  return { anchor: name, raw: anchor, query: new URLSearchParams(query) };
}

function written(raw) {
  const query = new URLSearchParams(FILTERS.flatMap((name) => [...filters[name]].map((value) => [name, value])));
  return `#${raw}${query.size ? `?${query}` : ""}`;
}

function wanted(cell) {
  return FILTERS.every((name) => !filters[name].size || cell[name] === undefined || filters[name].has(cell[name]));
}

function guardsShown(scenario) {
  const cells = DATA.cells.filter((cell) => wanted(cell) && (scenario === undefined || cell.scenario === scenario));
  return new Set(cells.map((cell) => cell.guard));
}

// Pictures. A figure knows what it shows: `source` gives its definition, which may depend on the filters.
const pictures = new Map(); // figure -> {source, scenario, guard, drawn}

function narrowed(value, keeps) {
  if (Array.isArray(value)) return value.filter((one) => keeps(one)).map((one) => narrowed(one, keeps));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, narrowed(one, keeps)]));
}

function hasRows(spec, count = { rows: 0 }) {
  if (Array.isArray(spec)) spec.forEach((one) => { if (one && one.guard !== undefined) count.rows += 1; else hasRows(one, count); });
  else if (spec && typeof spec === "object") Object.values(spec).forEach((one) => hasRows(one, count));
  return count.rows;
}

// Of the rows of a picture those of the guards that are shown; what names no guard stays.
function ofGuards(spec, guards) {
  if (!hasRows(spec)) return spec;
  const left = narrowed(spec, (row) => !(row && typeof row === "object" && row.guard !== undefined) || guards.has(row.guard));
  return hasRows(left) ? left : null;
}

function folded(lines, most) {
  return lines.flatMap((line) => {
    const out = [""];
    for (const word of line.split(" ")) {
      if (out.at(-1) && out.at(-1).length + word.length + 1 > most) out.push(word);
      else out[out.length - 1] += (out.at(-1) ? " " : "") + word;
    }
    return out;
  });
}

const AXIS_PX = 120;

// A picture as wide as there is room, where its marks are not placed by the pixel.
function fitted(spec, room) {
  const made = { ...spec };
  if (made.title?.text) {
    const title = folded([made.title.text], Math.floor((room - 40) / 9.5));
    made.title = { ...made.title, text: title.length > 1 ? title : made.title.text, subtitle: folded(made.title.subtitle ?? [], Math.floor((room - 40) / 6.4)) };
  }
  if (made.columns && made.spec?.width) {
    made.columns = Math.max(1, Math.min(made.columns, Math.floor((room - 60) / (made.spec.width + 22))));
    if (made.columns === 1) made.spec = { ...made.spec, width: Math.min(340, room - 80) };
  } else if (made.concat) {
    made.columns = Math.max(1, Math.min(made.columns, Math.floor((room - 40) / (made.concat[0].width + 60))));
  } else if (made.hconcat && room < 1050) {
    made.vconcat = made.hconcat;
    delete made.hconcat;
  } else if (typeof made.width === "number") {
    made.width = Math.max(180, Math.min(made.width, room - AXIS_PX));
  }
  if (spec.vconcat) made.vconcat = spec.vconcat.map((one) => (typeof one.width === "number" ? { ...one, width: Math.max(180, Math.min(one.width, room - 80)) } : one));
  if (made.facet?.row && !made.facet.row.header?.labelLimit && made.spec?.width) made.spec = { ...made.spec, width: Math.max(180, Math.min(made.spec.width, room - 100)) };
  return made;
}

async function draw(figure) {
  const picture = pictures.get(figure);
  const source = await picture.source();
  const guards = picture.guard ? new Set([picture.guard]) : guardsShown(picture.scenario);
  const spec = source && ofGuards(source, guards);
  picture.drawn = key(picture);
  const area = figure.querySelector(".chart");
  const about = figure.querySelector("figcaption .says");
  figure.querySelector(".take").hidden = !spec;
  if (!spec) {
    picture.view?.finalize();
    picture.view = null;
    area.replaceChildren(make("p", { class: "lead" }, "No guard of this picture fits the filters."));
    about.textContent = "";
    return;
  }
  const room = Math.max(figure.clientWidth, 320);
  const options = { config: DATA.themes[mode()], renderer: "svg", actions: false, loader: { target: "_self" }, logLevel: 1 };
  const { view } = await leasebenchEmbed(area, fitted(spec, room), options);
  picture.view?.finalize();
  picture.view = view;
  // To those who do not see it a picture is its title and what stands below it, not hundreds of marks.
  area.setAttribute("role", "img");
  area.removeAttribute("aria-roledescription");
  area.setAttribute("aria-label", spec.title?.text ?? figure.dataset.name);
  area.querySelector("svg").setAttribute("aria-hidden", "true");
  const box = area.closest(".scroll");
  box.dataset.label = `${spec.title?.text ?? "Picture"} (${figure.dataset.name})`;
  overflow(box);
  const few = picture.guard || guards.size === guardsOf(picture.scenario).size ? "" : ` Shown: ${[...guards].join(", ")}.`;
  about.textContent = `${spec.description ?? ""}${few}`;
}

function guardsOf(scenario) {
  return new Set(DATA.cells.filter((cell) => scenario === undefined || cell.scenario === scenario).map((cell) => cell.guard));
}

function key(picture) {
  const scenarios = picture.scenario === undefined ? [...filters.scenario] : [];
  return JSON.stringify([mode(), picture.guard ?? [...guardsShown(picture.scenario)], scenarios]);
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    seen.unobserve(entry.target);
    drawOrSay(entry.target);
  }
}, { rootMargin: "300px" });

function drawOrSay(figure) {
  draw(figure).catch((error) => { figure.querySelector(".chart").textContent = `this chart could not be drawn: ${error.message}`; console.error(error); });
}

function redraw() {
  for (const [figure, picture] of pictures) {
    if (!figure.isConnected) pictures.delete(figure);
    else if (picture.drawn && picture.drawn !== key(picture)) { seen.unobserve(figure); seen.observe(figure); }
  }
  for (const [node, svg] of diagrams) if (node.isConnected) node.innerHTML = inMode(svg);
}

// A picture is drawn when it comes into view; below it stands what it says.
function chart(name, source, about = {}, figure = make("figure", { class: "picture" })) {
  figure.dataset.name = name;
  const says = make("span", { class: "says" });
  const saves = make("span", { class: "take", hidden: "" }, make("button", { type: "button", class: "picture-png" }, "PNG"), make("button", { type: "button", class: "picture-svg" }, "SVG"));
  saves.setAttribute("aria-label", `save the picture ${name}`);
  saves.setAttribute("role", "group");
  figure.replaceChildren(...scroll(make("div", { class: "chart" }), `Picture ${name}`), make("figcaption", {}, says, saves));
  pictures.set(figure, { source: async () => source(), ...about });
  seen.observe(figure);
  return figure;
}

async function savePicture(button, kind) {
  const figure = button.closest("figure");
  const link = make("a", { download: `${figure.dataset.name}.${kind}`, href: await pictures.get(figure).view.toImageURL(kind, 2) });
  link.click();
}

// What is wider than the page scrolls in a box of its own, which the keyboard reaches and which says so.
const widths = new ResizeObserver((entries) => { for (const entry of entries) overflow(entry.target.closest(".scroll")); });

function overflow(box) {
  if (!box) return;
  const over = box.scrollWidth > box.clientWidth + 1;
  box.classList.toggle("over", over);
  for (const [name, value] of [["tabindex", "0"], ["role", "region"], ["aria-label", `${box.dataset.label}, scrolls sideways`]]) {
    if (over) box.setAttribute(name, value);
    else box.removeAttribute(name);
  }
}

function watch(box) {
  widths.observe(box);
  for (const child of box.children) widths.observe(child);
}

function scroll(content, label) {
  const box = make("div", { class: "scroll", "data-label": label }, content);
  watch(box);
  return [box, make("p", { class: "hint", "aria-hidden": "true" }, "scroll sideways for more \u2192")];
}

async function fillScenario(details) {
  const pack = await unpack(Number(details.dataset.pack));
  const scenario = details.dataset.scenario;
  const body = details.querySelector(".body");
  body.replaceChildren(sideBySide(scenario), ...pack.charts.map(([name, , spec]) => chart(`${name}-${scenario}`, () => spec, { scenario })));
}

// The rows of one scenario from all guards' tables, a guard a row.
function sideBySide(scenario) {
  const tables = [...document.querySelectorAll("section.guard table.figures")];
  const head = tables[0].tHead.cloneNode(true);
  head.rows[0].cells[0].textContent = "guard";
  const body = make("tbody");
  for (const row of document.querySelectorAll("section.guard table.figures tbody tr")) {
    if (row.dataset.scenario !== scenario) continue;
    const copy = row.cloneNode(true);
    const link = copy.cells[0].querySelector("a");
    link.textContent = row.dataset.guard;
    body.append(copy);
  }
  const table = make("table", { class: "figures stack", "data-name": `scenario-${scenario}` }, make("caption", {}, `All guards under ${scenario}`), head, body);
  return make("div", { class: "wide" }, ...scroll(table, `All guards under ${scenario}`), take());
}

function told(chapters) {
  const list = make("ol", { class: "story" });
  for (const [time, text] of chapters) list.append(make("li", {}, make("span", { class: "time" }, time), make("span", {}, text)));
  return list;
}

function story(detail) {
  const parts = [make("p", {}, make("b", {}, detail.headline)), told(detail.chapters)];
  const diagram = make("div", { class: "diagram" });
  // Made by leasebench itself, with every name in it escaped.
  diagram.innerHTML = inMode(detail.svg);
  diagrams.set(diagram, detail.svg);
  parts.push(...scroll(diagram, `Diagram of violation ${detail.number}`));
  if (detail.cure.length) {
    const titles = ["what would have been another choice", "does it help", "why"];
    const rows = detail.cure.map((texts) => make("tr", {}, make("th", { scope: "row" }, texts[0]), ...texts.slice(1).map((text) => make("td", {}, text))));
    const head = make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title))));
    const table = make("table", { class: "plain cure stack" }, make("caption", {}, detail.verdict), head, make("tbody", {}, ...rows));
    parts.push(make("div", { class: "wide" }, ...scroll(table, `What would have stopped violation ${detail.number}`)));
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
  const head = make("tr", {}, ...DATA.violation_columns.map((title) => make("th", { scope: "col" }, title)));
  const rows = detail.violations.map((row) => {
    const [number, ...rest] = row;
    const link = make("a", { href: `#violation-${number}` }, `no. ${number}`);
    return make("tr", { id: `violation-${number}` }, make("th", { scope: "row" }, link), ...rest.map((value) => make("td", {}, value === null ? "-" : String(value))));
  });
  const caption = `Violations of ${cell.guard} under ${cell.scenario}`;
  const table = make("table", { class: "figures stack", "data-name": `violations-${cell.guard}-${cell.scenario}` }, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...rows));
  const parts = [make("h4", {}, `Violations (${cell.count.toLocaleString("en")})`), ...scroll(table, caption), take()];
  if (cell.count > rows.length) parts.push(make("p", { class: "lead" }, `The first ${rows.length} stand here; any other is told by leasebench explain RUN --violation N, N from ${cell.ranges[0][0]}.`));
  return make("div", { class: "wide" }, ...parts);
}

async function fillCell(details) {
  const cell = byId.get(details.id);
  const pack = await unpack(cell.pack);
  const detail = pack.cells[cell.guard];
  const about = { scenario: cell.scenario, guard: cell.guard };
  const place = `${cell.guard}-${cell.scenario}`;
  const parts = [];
  if (detail.incident.length) parts.push(make("h4", {}, "The first incident"), told(detail.incident));
  const first = detail.story ? [make("h4", {}, `The first violation: no. ${detail.story.number}, trial ${detail.story.trial}`), ...story(detail.story)] : [];
  const drawn = Object.entries(detail.charts).map(([name, spec]) => chart(`${name}-${place}`, () => spec, about));
  // Of a cell that was wedged its pictures tell more than the write with which it began.
  parts.push(...(detail.incident.length ? [...drawn, ...first] : [...first, ...drawn]));
  for (const [name, guards, spec] of pack.charts) {
    if (name === "latency_histogram" && guards.includes(cell.guard)) parts.push(chart(`${name}-${place}`, () => alone(spec, cell.guard), about));
  }
  if (detail.violations.length) parts.push(violationTable(cell, detail));
  if (!parts.length) parts.push(make("p", { class: "lead" }, "No trial of this cell left anything to draw: its figures stand above."));
  details.querySelector(".body").replaceChildren(...parts);
  labelled(details);
}

function alone(spec, guard) {
  const own = (/(?:^|[ ,])from the fastest.*/i).test(spec.description ?? "") ? (spec.description.split(/(?<=\)), |: /).find((part) => part.startsWith(`${guard} (`)) ?? "") : "";
  return { ...spec, description: own, title: { ...spec.title, subtitle: [`${guard}: service time, all trials merged`] } };
}

async function open(details) {
  details.open = true;
  if (!details.dataset.filled) {
    details.dataset.filled = "yes";
    details.filling = details.matches(".cell") ? fillCell(details) : fillScenario(details);
  }
  try { await details.filling; } catch (error) { details.querySelector(".body").textContent = `could not be unpacked: ${error.message}`; console.error(error); }
  labelled(details);
  filter();
}

document.addEventListener("toggle", (event) => {
  if (event.target.matches("details.cell, details.scenario") && event.target.open && !event.target.dataset.filled) open(event.target);
}, true);

// Where an address leads: links to cells and to violations, whose rows are not there before their cell is opened.
async function follow() {
  const { anchor, query } = address();
  for (const name of FILTERS) filters[name] = new Set(query.getAll(name));
  filter();
  for (const row of document.querySelectorAll("tr.target")) row.classList.remove("target");
  const asked = /^violation-(\d+)$/.exec(anchor);
  if (asked) {
    const number = Number(asked[1]);
    const cell = DATA.cells.find((one) => one.ranges.some(([first, last]) => first <= number && number <= last));
    if (!cell) return;
    const details = document.getElementById(cell.id);
    show(details);
    await open(details);
    const row = document.getElementById(anchor);
    if (row) row.classList.add("target");
    (row || details).scrollIntoView();
    return;
  }
  const target = anchor && document.getElementById(anchor);
  if (!target) return;
  show(target);
  if (target.matches("details.cell, details.scenario")) await open(target);
  target.scrollIntoView();
}

// A link to what the filters hide leads there all the same.
function show(node) {
  if (!node.closest("[hidden]") && !(node.matches("details") && node.hidden)) return;
  for (const name of FILTERS) filters[name] = new Set();
  location.replace(written(address().raw));
  filter();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='#']");
  if (!link || event.defaultPrevented || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  const to = written(link.getAttribute("href").slice(1));
  if (to === location.hash) follow();
  else location.hash = to;
  if (link.matches(".skip")) document.getElementById("main").focus();
});

function fits(node) {
  return FILTERS.every((name) => !filters[name].size || node.dataset[name] === undefined || filters[name].has(node.dataset[name]));
}

function filter() {
  const guards = guardsShown();
  for (const node of document.querySelectorAll("tbody tr[data-guard], details.cell, details.scenario")) {
    node.hidden = !fits(node) || (node.matches("tr") && !guards.has(node.dataset.guard));
  }
  for (const section of document.querySelectorAll("section.guard")) section.hidden = !guards.has(section.dataset.guard);
  tiles(guards);
  const cells = DATA.cells.filter(wanted).length;
  document.getElementById("f-count").textContent = cells ? `${cells} of ${DATA.cells.length} cells` : `nothing matches: 0 of ${DATA.cells.length} cells`;
  const some = FILTERS.some((name) => filters[name].size);
  document.getElementById("f-clear").hidden = !some;
  document.getElementById("nothing").hidden = Boolean(cells) || !some;
  for (const section of document.querySelectorAll("#verdicts, #choice, #guards, #scenarios")) section.hidden = !cells && some;
  for (const scenario of document.querySelectorAll("details.scenario")) scenario.hidden ||= !guardsShown(scenario.dataset.scenario).size;
  for (const group of document.querySelectorAll("#filters [data-filter]")) {
    const own = filters[group.dataset.filter];
    for (const button of group.querySelectorAll("button[data-value]")) button.setAttribute("aria-pressed", String(own.has(button.dataset.value)));
    const picked = group.querySelector(".picked");
    if (picked) picked.textContent = !own.size ? "all" : own.size === 1 ? [...own][0] : `${own.size} chosen`;
  }
  redraw();
}

// The table of verdicts: what does not fit is blank; a row or a column without anything is gone.
function tiles(guards) {
  const table = document.querySelector("table.tiles");
  if (!table) return;
  const full = new Set();
  for (const row of table.tBodies[0].rows) {
    let some = false;
    [...row.cells].forEach((cell, at) => {
      if (!at) return;
      const shown = cell.dataset.guard !== undefined && fits(cell) && guards.has(cell.dataset.guard);
      cell.classList.toggle("off", !shown);
      some ||= shown;
      if (shown) full.add(at);
    });
    row.hidden = !some;
  }
  for (const row of table.rows) [...row.cells].forEach((cell, at) => { if (at) cell.hidden = !full.has(at); });
}

function pick(name, value) {
  const own = filters[name];
  if (own.has(value)) own.delete(value);
  else own.add(value);
  location.hash = written("");
}

function clear() {
  for (const name of FILTERS) filters[name] = new Set();
  location.hash = written("");
  if (location.hash === "") filter();
}

// A list of choices closes when the reader goes elsewhere.
document.addEventListener("click", (event) => {
  for (const list of document.querySelectorAll("details.pick[open]")) if (!list.contains(event.target)) list.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const list of document.querySelectorAll("details.pick[open]")) { list.open = false; list.querySelector("summary").focus(); }
});

// On a phone, and where a row or two have more fields than the page has room for, a row is a card: each field stands beside
// its heading.
const phone = matchMedia("(max-width: 640px)");
const MANY_FIELDS = 16;
const FEW_ROWS = 3;

function cards() {
  for (const table of document.querySelectorAll("table.stack")) {
    const fields = [...table.tHead.rows[0].cells].filter((cell) => !cell.classList.contains("blank")).length;
    table.classList.toggle("cards", phone.matches || (fields > MANY_FIELDS && table.tBodies[0].rows.length <= FEW_ROWS));
  }
}
phone.addEventListener("change", cards);

function labelled(within = document) {
  for (const table of within.querySelectorAll("table.stack")) {
    const heads = headOf(table);
    const rows = [...table.tBodies[0].rows];
    for (const row of rows) [...row.cells].forEach((cell, at) => {
      cell.dataset.label = heads[at];
      if (cell.textContent === "-") cell.classList.add("none");
      if (cell.textContent.length + heads[at].length > 20) cell.classList.add("long");
    });
    // What nothing was seen of under this guard takes no room; a CSV has it all the same.
    heads.forEach((_, at) => {
      const blank = rows.length > 0 && rows.every((row) => row.cells[at].textContent === "-");
      for (const row of [table.tHead.rows[0], ...rows]) row.cells[at].classList.toggle("blank", blank);
    });
  }
  cards();
}

// Figures, copied or saved: what the filters show.
function rowsOf(table, before = []) {
  const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
  return shown.map((row) => [...before, ...[...row.cells].map((cell) => cell.dataset.v ?? cell.textContent)]);
}

function headOf(table) {
  return [...table.tHead.rows[0].cells].map((cell) => cell.textContent.replace(/-\n/g, "").replace(/\s+/g, " "));
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
  const group = button.closest("[data-filter]");
  if (group && button.dataset.value !== undefined) pick(group.dataset.filter, button.dataset.value);
  if (button.matches("#f-clear, .clear")) clear();
  if (button.matches(".picture-png")) await savePicture(button, "png");
  if (button.matches(".picture-svg")) await savePicture(button, "svg");
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

// With one scenario chosen, a picture of the whole run is the one of that scenario, where there is one.
async function ofRun(name) {
  if (filters.scenario.size !== 1) return DATA.charts[name];
  const [scenario] = filters.scenario;
  const cell = DATA.cells.find((one) => one.scenario === scenario);
  return (cell && (await unpack(cell.pack)).narrowed[name]) ?? DATA.charts[name];
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { theme(); redraw(); });
theme();
document.querySelectorAll(".scroll").forEach(watch);
labelled();
for (const figure of document.querySelectorAll("figure[data-chart]")) chart(figure.dataset.chart, () => ofRun(figure.dataset.chart), {}, figure);
addEventListener("hashchange", follow);
for (const details of document.querySelectorAll("details[data-first]")) open(details);
follow();
