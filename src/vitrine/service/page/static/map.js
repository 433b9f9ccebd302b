/* The map: every item a point; pictures on hover, a click opens, a loop lists. */
import { palette } from "./charts.js";
import { find, say, theme } from "./page.js";
import { Points } from "./points.js";

const A_LIST = 60;
const OPAQUE = 215; // nearly: where points lie on each other it is seen
const RAMPS = { // as the scale in the style sheet
  light: ["#bcd3ec", "#4a86c5", "#0c2c52"],
  dark: ["#2d4a68", "#5f9be0", "#e6f1ff"],
};
const N_COLOURS = 10; // in the palette; then they come round with another shape
const ground = find("#ground");
const drawing = find("#drawing");
const by = find("#by");
const hover = find("#hover");
const touch = matchMedia("(pointer: coarse)");
let items = { ids: [] };
let colours = null;
let alone = null; // the category that is seen alone
let tag = null;

/* Data */
async function fetchPoints() {
  const response = await fetch("/map/points", { headers: tag ? { "If-None-Match": tag } : {}, cache: "no-store" });
  if (response.status === 202) {
    const { failure } = await response.json();
    if (failure) throw new Error(failure);
    return false;
  }
  if (response.status !== 304) {
    tag = response.headers.get("etag");
    items = unpack(await response.arrayBuffer());
  }
  if (response.headers.get("x-redrawing") === "true") setTimeout(refresh, 2500);
  return response.status !== 304;
}
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const n = head.ids.length;
  const start = 4 + length;
  return {
    ...head,
    x: new Float32Array(buffer, start, n),
    y: new Float32Array(buffer, start + 4 * n, n),
  };
}
async function fetchColours() {
  colours = null;
  alone = null;
  if (!by.value) return;
  const response = await fetch(`/map/colours?${new URLSearchParams({ by: by.value })}`);
  if (response.ok) colours = await response.json();
}

/* Drawing */
const itemURL = (index) => `/item?${new URLSearchParams({ id: items.ids[index] })}`;
const pictureURL = (index, size) => `/pictures/${encodeURIComponent(items.ids[index])}?size=${size}`;

/* How each point looks: its colour and shape by what the map is coloured by; what is not chosen
   steps back. */
function paint() {
  const n = items.ids.length;
  const bytes = new Uint8Array(4 * n);
  const shapes = new Uint8Array(n);
  const lit = chosen.length ? new Set(chosen) : null;
  const colour = colourOf();
  for (let i = 0; i < n; i++) {
    bytes.set(colour(i), 4 * i);
    const code = colours?.codes?.[i] ?? 0;
    if (alone !== null && code !== alone) bytes[4 * i + 3] = 0;
    else if (lit && !lit.has(i)) bytes[4 * i + 3] = 36;
    if (code >= N_COLOURS) shapes[i] = 1;
  }
  points.paint(bytes, shapes, n < 2000 ? 10 : n < 20000 ? 6 : 4);
  legend();
}
const bytesOf = (hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
function colourOf() {
  const tones = palette();
  const muted = [...bytesOf(tones.muted), OPAQUE];
  if (!colours) {
    const accent = [...bytesOf(tones.accent), OPAQUE];
    return () => accent;
  }
  if (colours.kind === "categories") {
    const known = colours.names.map((_, code) => [...bytesOf(tone(code)), OPAQUE]);
    return (i) => known[colours.codes[i]] ?? muted;
  }
  const stops = RAMPS[theme()].map(bytesOf);
  const { values, low, high } = colours;
  return (i) => {
    if (values[i] === null) return muted;
    const share = 2 * Math.min(1, Math.max(0, (values[i] - low) / (high - low || 1)));
    const [from, to] = share < 1 ? [stops[0], stops[1]] : [stops[1], stops[2]];
    const part = share < 1 ? share : share - 1;
    return [...from.map((byte, channel) => byte + part * (to[channel] - byte)), OPAQUE];
  };
}
const tone = (code) => palette()[colours.names[code] === "other" ? "muted" : code % N_COLOURS];

function legend() {
  const list = find("#legend");
  const categories = colours?.kind === "categories";
  list.hidden = !categories;
  find("#scale").hidden = colours?.kind !== "scale";
  if (colours?.kind === "scale") [find("#scale-low").textContent, find("#scale-high").textContent] = colours.ends;
  if (!categories) return;
  list.replaceChildren(...colours.names.map((name, code) => {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.setAttribute("aria-pressed", String(alone === code));
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 12 12");
    svg.setAttribute("aria-hidden", "true");
    const mark = document.createElementNS(svg.namespaceURI, "path");
    mark.setAttribute("d", code >= N_COLOURS ? "M6 0l6 6-6 6-6-6z" : "M6 1a5 5 0 1 0 .01 0z");
    mark.setAttribute("fill", tone(code));
    svg.append(mark);
    chip.append(svg, name || "(empty)");
    chip.addEventListener("click", () => {
      alone = alone === code ? null : code;
      paint();
      list.children[code].focus();
    });
    return chip;
  }));
}

/* The card of the item under the pointer */
function showCard(index, { clientX, clientY }) {
  hover.href = itemURL(index);
  find(".name", hover).textContent = items.ids[index];
  const code = colours?.codes?.[index];
  find(".under", hover).textContent = (code >= 0 ? colours.names[code] : colours?.values?.[index]) ?? "";
  if (hover.dataset.index !== String(index)) {
    const picture = new Image();
    picture.alt = "";
    picture.src = pictureURL(index, 320);
    find(".frame", hover).replaceChildren(picture);
    hover.dataset.index = index;
  }
  hover.hidden = false;
  const left = clientX + 18 + hover.offsetWidth > innerWidth ? clientX - 18 - hover.offsetWidth : clientX + 18;
  hover.style.left = `${Math.max(8, left)}px`;
  hover.style.top = `${Math.max(8, Math.min(clientY + 18, innerHeight - hover.offsetHeight - 8))}px`;
}
const hideCard = () => { hover.hidden = true; };

/* The list of chosen items */
let chosen = [];
function list(indices, what) {
  chosen = indices;
  find("#chosen").hidden = chosen.length === 0;
  find("#chosen-head").textContent = `${chosen.length.toLocaleString("en")} ${chosen.length === 1 ? "item" : "items"} ${what}`;
  find("#chosen-wall").replaceChildren();
  more();
  say(find("#chosen-head").textContent);
}
function more() {
  const wall = find("#chosen-wall");
  for (const index of chosen.slice(wall.children.length, wall.children.length + A_LIST)) {
    const card = document.createElement("li");
    card.className = "card";
    const link = document.createElement("a");
    link.href = itemURL(index);
    const frame = document.createElement("span");
    frame.className = "frame";
    const picture = new Image();
    picture.alt = "";
    picture.loading = "lazy";
    picture.src = pictureURL(index, 320);
    frame.append(picture);
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = items.ids[index];
    link.append(frame, name);
    card.append(link);
    wall.append(card);
  }
  find("#chosen-more").hidden = wall.children.length >= chosen.length;
}
function listView() {
  list(points.inView(), "in view");
  find("#chosen-head").focus();
}

/* Moving about */
const points = new Points(find("#chart"), {
  hover: showCard,
  leave: hideCard,
  click(index, event) { // a tap shows the item, a tap on its card opens it
    if (event.pointerType === "touch") showCard(index, event);
    else location.href = itemURL(index);
  },
  loop(indices) {
    list(indices, "in the loop");
    paint();
  },
});
const keys = {
  "+": () => points.zoom(0.7), "=": () => points.zoom(0.7), "-": () => points.zoom(1.43),
  0: () => points.all(), Enter: listView,
  ArrowLeft: () => points.move(-0.15, 0), ArrowRight: () => points.move(0.15, 0),
  ArrowUp: () => points.move(0, 0.15), ArrowDown: () => points.move(0, -0.15),
};
ground.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  hideCard();
  keys[event.key]();
});
find("#nearer").addEventListener("click", () => points.zoom(0.6));
find("#farther").addEventListener("click", () => points.zoom(1.67));
find("#reset").addEventListener("click", () => points.all());
find("#list-view").addEventListener("click", listView);
find("#chosen-more").addEventListener("click", more);
find("#clear").addEventListener("click", () => {
  list([], "");
  paint();
  ground.focus();
});
find("#lasso").addEventListener("click", () => {
  points.looping = !points.looping;
  find("#lasso").setAttribute("aria-pressed", String(points.looping));
});
by.addEventListener("change", async () => {
  await fetchColours();
  paint();
});
addEventListener("themechange", () => { if (tag) paint(); });
addEventListener("scroll", hideCard, { passive: true });

async function refresh() {
  if (!await fetchPoints()) return false;
  await fetchColours();
  const kept = drawing.hidden ? points.view : null;
  points.set(items.x, items.y);
  if (kept) points.view = kept;
  list([], "");
  paint();
  find("#how").textContent = items.how;
  return true;
}
async function start() {
  try {
    while (!await refresh()) await new Promise((next) => setTimeout(next, 700));
  } catch (error) {
    drawing.textContent = `The map could not be drawn: ${error.message}`;
    return;
  }
  drawing.hidden = true;
  document.documentElement.dataset.drawn = "true";
}
start();
