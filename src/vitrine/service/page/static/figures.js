/* Draws the figures. */
import { palette, template } from "./charts.js";

const NARROW = 560; // pixels: below it the heat map drops its numbers
const charts = await (await fetch("/figures/charts")).json();
const holders = [...document.querySelectorAll("[data-charts]")];

function draw(holder) {
  const { data, layout } = charts[holder.dataset.charts];
  for (const trace of data) {
    const colour = palette()[trace.meta?.tone];
    if (colour && trace.marker) trace.marker.color = colour;
    if (trace.type === "heatmap") trace.texttemplate = holder.clientWidth < NARROW ? "" : trace.meta.cells;
  }
  Object.assign(layout, { template: template(), autosize: true, height: Number(holder.dataset.height) });
  return Plotly.react(holder, data, layout, { responsive: true, displayModeBar: false });
}
async function drawAll() {
  for (const holder of holders) await draw(holder);
  document.documentElement.dataset.drawn = "true";
}
let narrow = innerWidth < NARROW;
addEventListener("resize", () => {
  if (narrow !== innerWidth < NARROW) {
    narrow = !narrow;
    drawAll();
  }
});
addEventListener("themechange", drawAll);
drawAll();
