/* The map: every item a point; pictures on hover, a click opens, a loop lists. */
import { hasWebGL, palette, template } from "./charts.js";
import { find, say } from "./page.js";

const MOST_WITHOUT_WEBGL = 4000;
const A_LIST = 60;
const N_COLOURS = 10; // in the palette; then they come round with another shape
const ground = find("#ground");
const chart = find("#chart");
const drawing = find("#drawing");
const by = find("#by");
const hover = find("#hover");
const touch = matchMedia("(pointer: coarse)");
let items = { ids: [], x: new Float32Array(), y: new Float32Array() };
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
const markerSize = () => (items.ids.length < 2000 ? 8 : items.ids.length < 20000 ? 5 : 3.5);

function trace(members, marker) {
  return {
    type: hasWebGL ? "scattergl" : "scatter",
    mode: "markers",
    x: Float32Array.from(members, (i) => items.x[i]),
    y: Float32Array.from(members, (i) => items.y[i]),
    customdata: members,
    hoverinfo: "none",
    marker: { size: markerSize(), opacity: 0.8, ...marker },
    unselected: { marker: { opacity: 0.12 } },
  };
}
function traces() {
  let all = items.ids.map((_, i) => i);
  if (!hasWebGL && all.length > MOST_WITHOUT_WEBGL) {
    const step = all.length / MOST_WITHOUT_WEBGL;
    all = Array.from({ length: MOST_WITHOUT_WEBGL }, (_, i) => Math.floor(i * step));
  }
  const tones = palette();
  if (!colours) return [trace(all, { color: tones.accent })];
  if (colours.kind === "scale") {
    const has = all.filter((i) => colours.values[i] !== null);
    const ramp = getComputedStyle(ground);
    const stops = ["--ramp-low", "--ramp-middle", "--ramp-high"].map((name) => ramp.getPropertyValue(name));
    return [
      trace(all.filter((i) => colours.values[i] === null), { color: tones.muted }),
      trace(has, {
        color: has.map((i) => colours.values[i]),
        cmin: colours.low,
        cmax: colours.high,
        colorscale: stops.map((stop, i) => [i / 2, stop.trim()]),
      }),
    ];
  }
  const members = Array.from({ length: colours.names.length + 1 }, () => []);
  for (const i of all) members[colours.codes[i] + 1].push(i);
  return members.map((own, at) => trace(own, {
    color: tone(at - 1),
    symbol: at > N_COLOURS ? "diamond" : "circle",
  })).map((one, at) => ({ ...one, visible: alone === null || alone === at - 1 }));
}
const tone = (code) => {
  const other = code < 0 || colours.names[code] === "other";
  return palette()[other ? "muted" : code % N_COLOURS];
};

function around(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const margin = high > low ? 0.04 * (high - low) : 1;
  return values.length ? [low - margin, high + margin] : [-1, 1];
}
const bare = { showgrid: false, zeroline: false, showticklabels: false, ticks: "", visible: false };
async function draw(keepView = true) {
  const view = keepView && chart._fullLayout ? chart._fullLayout : null;
  await Plotly.react(chart, traces(), {
    template: template(),
    autosize: true,
    margin: { l: 0, r: 0, t: 0, b: 0 },
    showlegend: false,
    hovermode: "closest",
    hoverdistance: 12,
    dragmode: find("#lasso").ariaPressed === "true" ? "lasso" : "pan",
    xaxis: { ...bare, range: view ? [...view.xaxis.range] : around(items.x) },
    yaxis: { ...bare, range: view ? [...view.yaxis.range] : around(items.y) },
  }, { displayModeBar: false, scrollZoom: true, responsive: true, doubleClick: false, showTips: false });
  legend();
}
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
    chip.addEventListener("click", async () => {
      alone = alone === code ? null : code;
      await draw();
      list.children[code].focus();
    });
    return chip;
  }));
}

/* The card of the item under the pointer */
function showCard(event) {
  const index = event.points[0].customdata;
  hover.href = itemURL(index);
  find(".name", hover).textContent = items.ids[index];
  const code = colours?.codes?.[index];
  find(".under", hover).textContent = (code >= 0 ? colours.names[code] : colours?.values?.[index]) ?? "";
  const picture = new Image();
  picture.alt = "";
  picture.src = pictureURL(index, 320);
  find(".frame", hover).replaceChildren(picture);
  hover.hidden = false;
  const { clientX, clientY } = event.event;
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
  const { xaxis, yaxis } = chart._fullLayout;
  const inside = (value, [low, high]) => value >= Math.min(low, high) && value <= Math.max(low, high);
  const shown = (i) => alone === null || colours.codes[i] === alone;
  list(items.ids.map((_, i) => i).filter((i) => shown(i) && inside(items.x[i], xaxis.range) && inside(items.y[i], yaxis.range)), "in view");
  find("#chosen-head").focus();
}

/* Moving about */
function move(zoom, dx = 0, dy = 0) {
  const change = {};
  for (const [name, shift] of [["xaxis", dx], ["yaxis", dy]]) {
    const [low, high] = chart._fullLayout[name].range;
    const [middle, half] = [(low + high) / 2 + shift * (high - low), ((high - low) / 2) * zoom];
    change[`${name}.range`] = [middle - half, middle + half];
  }
  hideCard();
  return Plotly.relayout(chart, change);
}
const all = () => Plotly.relayout(chart, { "xaxis.range": around(items.x), "yaxis.range": around(items.y) });
const keys = {
  "+": () => move(0.7), "=": () => move(0.7), "-": () => move(1.43), 0: all, Enter: listView,
  ArrowLeft: () => move(1, -0.15), ArrowRight: () => move(1, 0.15),
  ArrowUp: () => move(1, 0, 0.15), ArrowDown: () => move(1, 0, -0.15),
};
ground.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});
find("#nearer").addEventListener("click", () => move(0.6));
find("#farther").addEventListener("click", () => move(1.67));
find("#reset").addEventListener("click", all);
find("#list-view").addEventListener("click", listView);
find("#chosen-more").addEventListener("click", more);
find("#clear").addEventListener("click", async () => {
  list([], "");
  await draw();
  ground.focus();
});
find("#lasso").addEventListener("click", () => {
  const on = find("#lasso").ariaPressed !== "true";
  find("#lasso").ariaPressed = String(on);
  Plotly.relayout(chart, { dragmode: on ? "lasso" : "pan" });
});
by.addEventListener("change", async () => {
  await fetchColours();
  await draw();
});
addEventListener("themechange", () => { if (tag) draw(); });
addEventListener("scroll", hideCard, { passive: true });

async function refresh() {
  if (!await fetchPoints()) return false;
  await fetchColours();
  await draw(drawing.hidden);
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
  chart.on("plotly_hover", showCard);
  chart.on("plotly_unhover", () => { if (!touch.matches) hideCard(); });
  chart.on("plotly_click", (event) => {
    if (touch.matches) showCard(event); // a tap shows the item, a tap on its picture opens it
    else location.href = itemURL(event.points[0].customdata);
  });
  chart.on("plotly_selected", (event) => {
    if (event?.points.length) list(event.points.map((point) => point.customdata), "in the loop");
  });
  document.documentElement.dataset.drawn = "true";
}
start();
