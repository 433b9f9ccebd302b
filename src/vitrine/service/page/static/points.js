/* Points on a plane, a hundred thousand and more: drawn by WebGL, or on a plain canvas where there
   is none; moved by dragging, wheel and pinching; found under the pointer by a grid. */

const GRID = 256; // cells a side
const NEAR = 12; // pixels within which a point counts as pointed at
const MOVED = 4; // pixels from which a press is no click
const LONG = 45; // milliseconds from which a frame is too long to move by
const SHORT = 28; // up to which more points may be drawn
const LEAST = 2000; // points drawn of a moving map, however slow
const REST = 150; // milliseconds without a move after which all are drawn

const VERTEX = `
attribute vec2 place;
attribute vec4 colour;
attribute float shape;
uniform vec2 scale, shift;
uniform mediump float size;
varying vec4 ink;
varying float form;
void main() {
  gl_Position = vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  ink = colour;
  form = shape;
}`;
const FRAGMENT = `
precision mediump float;
uniform mediump float size;
varying vec4 ink;
varying float form;
void main() {
  vec2 d = abs(gl_PointCoord * 2.0 - 1.0);
  float r = form < 0.5 ? length(d) : d.x + d.y;
  float alpha = ink.a * (1.0 - smoothstep(1.0 - 2.5 / size, 1.0, r));
  gl_FragColor = vec4(ink.rgb * alpha, alpha);
}`;

function program(gl) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  return made;
}

/* A grid over the points: which lie in a cell, as one array sorted by cell. */
function gridOf(x, y, box) {
  const n = x.length;
  const cells = new Uint16Array(n);
  const starts = new Uint32Array(GRID * GRID + 1);
  const column = (value) => Math.min(GRID - 1, Math.max(0, Math.floor(GRID * (value - box.left) / box.width)));
  const row = (value) => Math.min(GRID - 1, Math.max(0, Math.floor(GRID * (value - box.bottom) / box.height)));
  for (let i = 0; i < n; i++) {
    cells[i] = row(y[i]) * GRID + column(x[i]);
    starts[cells[i] + 1]++;
  }
  for (let cell = 0; cell < GRID * GRID; cell++) starts[cell + 1] += starts[cell];
  const order = new Uint32Array(n);
  const next = starts.slice();
  for (let i = 0; i < n; i++) order[next[cells[i]]++] = i;
  return { starts, order, column, row };
}

function boxOf(x, y) {
  let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < x.length; i++) {
    left = Math.min(left, x[i]);
    right = Math.max(right, x[i]);
    bottom = Math.min(bottom, y[i]);
    top = Math.max(top, y[i]);
  }
  if (!x.length) [left, right, bottom, top] = [0, 0, 0, 0];
  const width = right - left || 1;
  const height = top - bottom || 1;
  return { left: (left + right - width) / 2, bottom: (bottom + top - height) / 2, width, height };
}

function inside(x, y, loop) {
  let is = false;
  for (let i = 0, j = loop.length - 1; i < loop.length; j = i++) {
    const [xi, yi] = loop[i];
    const [xj, yj] = loop[j];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) is = !is;
  }
  return is;
}

/* The numbers below n in an order that looks random: its first m are an even sample. */
function shuffled(n) {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  let seed = 1;
  for (let i = n - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((seed / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

export class Points {
  /* `on` has hover(index, event), leave(), click(index, event), loop(indices). */
  constructor(holder, on) {
    this.holder = holder;
    this.on = on;
    this.canvas = document.createElement("canvas");
    this.loop = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    this.loop.setAttribute("class", "loop");
    this.loop.setAttribute("aria-hidden", "true");
    this.path = document.createElementNS(this.loop.namespaceURI, "path");
    this.loop.append(this.path);
    holder.append(this.canvas, this.loop);
    this.looping = false;
    this.pointers = new Map();
    this.set(new Float32Array(), new Float32Array());
    this.gl = this.canvas.getContext("webgl", { antialias: false, premultipliedAlpha: true });
    if (this.gl) this.begin();
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => { this.begin(); this.send(); });
    this.listen();
    new ResizeObserver(() => this.resize()).observe(holder);
    this.resize();
  }

  begin() {
    const gl = this.gl;
    this.program = program(gl);
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.buffers = {};
    for (const [name, size, kind] of [["place", 2, gl.FLOAT], ["colour", 4, gl.UNSIGNED_BYTE], ["shape", 1, gl.UNSIGNED_BYTE]]) {
      this.buffers[name] = gl.createBuffer();
      const at = gl.getAttribLocation(this.program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, size, kind, name === "colour", 0, 0);
    }
  }

  /* Where the points lie, Float32Arrays of one length. */
  set(x, y) {
    this.x = x;
    this.y = y;
    this.box = boxOf(x, y);
    this.grid = gridOf(x, y, this.box);
    this.colours = new Uint8Array(4 * x.length).fill(128);
    this.shapes = new Uint8Array(x.length);
    this.order = shuffled(x.length);
    this.bearable = x.length;
    this.all();
  }

  /* How they look: four bytes (red, green, blue, alpha) and a shape (0 disc, 1 diamond) each. What
     has an alpha of 0 is not there. */
  paint(colours, shapes, size) {
    this.colours = colours;
    this.shapes = shapes;
    this.size = size;
    this.send();
  }

  send() {
    if (this.gl) {
      const n = this.x.length;
      const parts = { place: new Float32Array(2 * n), colour: new Uint8Array(4 * n), shape: new Uint8Array(n) };
      this.order.forEach((i, at) => {
        parts.place[2 * at] = this.x[i];
        parts.place[2 * at + 1] = this.y[i];
        for (let part = 0; part < 4; part++) parts.colour[4 * at + part] = this.colours[4 * i + part];
        parts.shape[at] = this.shapes[i];
      });
      for (const [name, values] of Object.entries(parts)) {
        this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[name]);
        this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.STATIC_DRAW);
      }
    }
    this.draw();
  }

  /* The view: its middle and its extent, in the points' own numbers. */
  all() {
    const { left, bottom, width, height } = this.box;
    this.view = { x: left + width / 2, y: bottom + height / 2, width: width * 1.08, height: height * 1.08 };
    this.draw();
  }
  zoom(factor, at = this.view) {
    const { view } = this;
    this.view = {
      x: at.x + (view.x - at.x) * factor,
      y: at.y + (view.y - at.y) * factor,
      width: view.width * factor,
      height: view.height * factor,
    };
    this.draw(true);
  }
  move(right, up) {
    this.view.x += right * this.view.width;
    this.view.y += up * this.view.height;
    this.draw(true);
  }
  toPlane(px, py) {
    const { view, wide, high } = this;
    return { x: view.x + (px / wide - 0.5) * view.width, y: view.y - (py / high - 0.5) * view.height };
  }
  toScreen(index) {
    const { view, wide, high } = this;
    return [((this.x[index] - view.x) / view.width + 0.5) * wide, (0.5 - (this.y[index] - view.y) / view.height) * high];
  }
  shown(index) {
    return this.colours[4 * index + 3] > 0;
  }
  inView() {
    const { x, y, width, height } = this.view;
    return this.where((px, py) => Math.abs(px - x) <= width / 2 && Math.abs(py - y) <= height / 2);
  }
  where(holds) {
    const found = [];
    for (let i = 0; i < this.x.length; i++) if (this.shown(i) && holds(this.x[i], this.y[i])) found.push(i);
    return found;
  }

  /* The point nearest to a place on the screen, −1 where none is near. */
  near(px, py) {
    const { x, y } = this.toPlane(px, py);
    const [rx, ry] = [(NEAR / this.wide) * this.view.width, (NEAR / this.high) * this.view.height];
    const { starts, order, column, row } = this.grid;
    let [best, least] = [-1, NEAR * NEAR];
    for (let r = row(y - ry); r <= row(y + ry); r++) {
      for (let at = starts[r * GRID + column(x - rx)]; at < starts[r * GRID + column(x + rx) + 1]; at++) {
        const i = order[at];
        if (!this.shown(i)) continue;
        const [sx, sy] = this.toScreen(i);
        const far = (sx - px) ** 2 + (sy - py) ** 2;
        if (far < least) [best, least] = [i, far];
      }
    }
    return best;
  }

  resize() {
    this.wide = Math.max(1, this.holder.clientWidth);
    this.high = Math.max(1, this.holder.clientHeight);
    this.ratio = Math.min(devicePixelRatio || 1, 2);
    this.canvas.width = Math.round(this.wide * this.ratio);
    this.canvas.height = Math.round(this.high * this.ratio);
    this.draw();
  }

  /* Draws with the next frame. While the view moves only as many points as keep the frames short;
     all of them once it rests. */
  draw(moving = false) {
    this.moving = moving;
    clearTimeout(this.resting);
    if (moving) this.resting = setTimeout(() => this.draw(), REST);
    if (this.pending || !this.wide) return;
    this.pending = requestAnimationFrame((now) => {
      this.pending = 0;
      this.count = this.moving ? this.affordable(now) : this.x.length;
      this.last = this.moving ? now : 0;
      if (this.gl) this.drawWebGL(this.count);
      else this.drawPlain(this.count);
    });
  }
  affordable(now) {
    const took = this.last ? now - this.last : (LONG + SHORT) / 2;
    if (took > LONG) this.bearable *= Math.max(0.2, SHORT / took);
    else if (took < SHORT) this.bearable *= 1.2;
    this.bearable = Math.min(this.x.length, Math.max(LEAST, this.bearable));
    return Math.floor(this.bearable);
  }
  drawWebGL(count) {
    const { gl, view, canvas } = this;
    const size = (this.size || 5) * this.ratio;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const [sx, sy] = [2 / view.width, 2 / view.height];
    const uniform = (name) => gl.getUniformLocation(this.program, name);
    gl.uniform2f(uniform("scale"), sx, sy);
    gl.uniform2f(uniform("shift"), -view.x * sx, -view.y * sy);
    gl.uniform1f(uniform("size"), size);
    gl.drawArrays(gl.POINTS, 0, count);
  }
  drawPlain(count) {
    const context = this.plain ??= this.canvas.getContext("2d");
    const size = this.size || 5;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.wide, this.high);
    for (const i of this.order.subarray(0, count)) {
      if (!this.shown(i)) continue;
      const [red, green, blue, alpha] = this.colours.subarray(4 * i, 4 * i + 4);
      const [px, py] = this.toScreen(i);
      context.fillStyle = `rgb(${red} ${green} ${blue} / ${alpha / 255})`;
      context.fillRect(px - size / 2, py - size / 2, size, size);
    }
  }

  listen() {
    const { canvas, pointers } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return [event.clientX - box.x, event.clientY - box.y];
    };
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.on.leave();
      this.zoom(1.0015 ** Math.max(-300, Math.min(300, event.deltaY)), this.toPlane(...at(event)));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, at(event));
      this.travelled = pointers.size > 1 ? Infinity : 0;
      this.drawn = this.looping && pointers.size === 1 ? [at(event)] : null;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = at(event);
      const before = pointers.get(event.pointerId);
      if (!before) {
        const index = this.near(...now);
        canvas.style.cursor = index >= 0 ? "pointer" : this.looping ? "crosshair" : "grab";
        if (index >= 0) this.on.hover(index, event);
        else this.on.leave();
        return;
      }
      this.travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (this.travelled < MOVED) return;
      this.on.leave();
      if (pointers.size === 2) this.pinch(event.pointerId, before, now);
      else if (this.drawn) this.extend(now);
      else {
        canvas.style.cursor = "grabbing";
        this.move((before[0] - now[0]) / this.wide, (now[1] - before[1]) / this.high);
      }
      pointers.set(event.pointerId, now);
    });
    const end = (event) => {
      if (!pointers.delete(event.pointerId)) return;
      if (event.type === "pointerup" && this.travelled < MOVED) {
        const index = this.near(...at(event));
        if (index >= 0) this.on.click(index, event);
        else this.on.leave();
      } else if (this.drawn && event.type === "pointerup") this.close();
      this.drawn = null;
      this.path.setAttribute("d", "");
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => { if (!pointers.size) this.on.leave(); });
  }
  pinch(id, before, now) {
    const [other] = [...this.pointers].filter(([pointer]) => pointer !== id).map(([, place]) => place);
    const apart = (place) => Math.max(8, Math.hypot(place[0] - other[0], place[1] - other[1]));
    this.zoom(apart(before) / apart(now), this.toPlane(...other));
  }
  extend(place) {
    this.drawn.push(place);
    this.path.setAttribute("d", `M${this.drawn.map((one) => one.map(Math.round).join(" ")).join("L")}Z`);
  }
  close() {
    if (this.drawn.length < 3) return;
    const loop = this.drawn.map((place) => this.toPlane(...place)).map(({ x, y }) => [x, y]);
    this.on.loop(this.where((x, y) => inside(x, y, loop)));
  }
}
