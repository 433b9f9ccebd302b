(() => {
  "use strict";
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const charts = read("charts");
  const themes = read("themes");
  const items = read("items");
  const root = document.documentElement;
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)");
  const NARROW = 560; // pixels: below it charts drop what does not fit
  const PRINT_WIDTH = { panel: 150, page: 680 };
  let chosen = null; // the reader's own choice of a theme
  let printing = false;

  const theme = () => (printing ? "light" : chosen || (systemDark.matches ? "dark" : "light"));
  const element = (name) => document.getElementById(`chart-${name}`);

  const hasWebGL = (() => {
    try {
      return Boolean(document.createElement("canvas").getContext("webgl"));
    } catch {
      return false;
    }
  })();

  /* What of a figure depends on the theme, the width and the device. */
  function prepare(name) {
    const { data, layout } = charts[name];
    const palette = themes[theme()].palette;
    const holder = element(name);
    const paper = holder.closest(".panel") ? PRINT_WIDTH.panel : PRINT_WIDTH.page;
    const width = printing ? Math.min(paper, holder.clientWidth) : holder.clientWidth;
    for (const trace of data) {
      const colour = trace.meta && palette[trace.meta.tone];
      if (colour) {
        if (trace.marker) trace.marker.color = colour;
        if (trace.line) trace.line.color = colour;
      }
      if (trace.type === "scattergl" && !hasWebGL) trace.type = "scatter";
      if (trace.customdata && name === "map") {
        trace.hoverinfo = "none"; // the card with the picture is shown instead
        delete trace.hovertemplate;
      }
      if (trace.type === "heatmap") {
        trace.texttemplate = width < NARROW ? "" : trace.meta.cells;
      }
    }
    Object.assign(layout, {
      template: themes[theme()].template,
      autosize: !printing,
      uirevision: "kept",
      height: holder.clientHeight,
      dragmode: touch.matches ? false : "zoom",
    });
    if (printing) layout.width = width;
    else delete layout.width;
    if (name === "map") layout.showlegend = false; // the chips are its legend
    return [data, layout, {
      responsive: true,
      displaylogo: false,
      displayModeBar: name === "map" && !touch.matches,
      modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"], ["toImage"]],
    }];
  }

  const draw = (name) => Plotly.react(element(name), ...prepare(name));
  const drawAll = () => Object.keys(charts).forEach(draw);

  /* The card that shows an item's picture. */
  const card = document.getElementById("hover");
  function showCard(event) {
    const index = event.points[0].customdata;
    const picture = card.querySelector("img");
    const file = items.pictures[index];
    picture.hidden = !file;
    if (file) picture.src = `data:image/webp;base64,${file}`;
    picture.style.imageRendering = items.tiny ? "pixelated" : "auto";
    card.querySelector(".id").textContent = items.ids[index];
    card.querySelector(".category").textContent = items.categories[items.codes[index]] || "";
    card.hidden = false;
    const { clientX, clientY } = event.event;
    const left = clientX + 16 + card.offsetWidth > innerWidth ? clientX - 16 - card.offsetWidth : clientX + 16;
    const top = Math.min(clientY + 16, innerHeight - card.offsetHeight - 8);
    card.style.left = `${Math.max(8, left)}px`;
    card.style.top = `${Math.max(8, top)}px`;
  }
  const hideCard = () => { card.hidden = true; };

  /* The map's categories: press one to see it alone, press it again to see all. */
  function makeChips() {
    const chips = document.getElementById("chips");
    if (!chips) return;
    charts.map.data.forEach((trace, position) => {
      const chip = document.createElement("button");
      chip.type = "button";
      chip.setAttribute("aria-pressed", "false");
      chip.dataset.tone = trace.meta.tone;
      const dot = document.createElement("i");
      chip.append(dot, items.categories[trace.meta.code] ?? "no category");
      chip.addEventListener("click", () => {
        const alone = chip.getAttribute("aria-pressed") === "false";
        for (const other of chips.children) other.setAttribute("aria-pressed", String(alone && other === chip));
        Plotly.restyle(element("map"), {
          visible: charts.map.data.map((_, other) => !alone || other === position),
        });
      });
      chips.append(chip);
    });
    chips.hidden = false;
    paintChips();
  }
  function paintChips() {
    for (const chip of document.querySelectorAll("#chips button")) {
      chip.firstChild.style.background = themes[theme()].palette[chip.dataset.tone];
    }
  }

  /* Themes */
  const toggle = document.getElementById("theme");
  function nameToggle() {
    toggle.textContent = theme() === "dark" ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${toggle.textContent.toLowerCase()} theme`);
  }
  function repaint() {
    nameToggle();
    paintChips();
    drawAll();
  }
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    chosen = theme() === "dark" ? "light" : "dark";
    root.style.colorScheme = chosen;
    repaint();
  });
  systemDark.addEventListener("change", () => { if (!chosen) repaint(); });
  addEventListener("beforeprint", () => { printing = true; drawAll(); });
  addEventListener("afterprint", () => { printing = false; drawAll(); });

  let narrow = innerWidth < NARROW;
  addEventListener("resize", () => {
    if (narrow !== innerWidth < NARROW) {
      narrow = !narrow;
      drawAll();
    }
  });

  /* One chart after the other, so that the page answers in between. */
  async function start() {
    nameToggle();
    makeChips();
    for (const name of Object.keys(charts)) {
      await draw(name);
      await new Promise((next) => setTimeout(next, 0));
    }
    for (const holder of document.querySelectorAll("#chart-map, .panel .chart")) {
      holder.on("plotly_hover", showCard);
      holder.on("plotly_click", showCard); // a tap hovers over nothing
      holder.on("plotly_unhover", hideCard);
    }
    addEventListener("scroll", hideCard, { passive: true });
    addEventListener("pointerdown", hideCard, { passive: true });
    root.dataset.drawn = "true";
  }
  start();
})();
