/* Search by photo: drop, choose, paste or take one; crop it; results as the filter is typed. */
import { find, later, load, say, swap } from "./page.js";

const form = find("#ask");
const drop = find("#drop");
const cropping = find("#cropping");
const crop = find("#crop");
const preview = find("#preview");
const box = find("#box");
const trouble = find("#trouble");
const file = find("#picture");
const camera = find("#camera");
const LARGEST = 1024; // pixels: what is sent is shrunk to it
const SMALLEST = 24; // pixels on the screen
let part = null; // {x, y, w, h} in the preview's pixels; null: the whole photo
let given = null; // the file, for what the browser cannot show
let running = null;

for (const hidden of document.querySelectorAll("[data-script]")) hidden.hidden = false;
file.hidden = true;
file.required = false;
find("#picture-label").hidden = true;
drop.querySelector("p .soft").textContent = "Drop a photo here, paste one, or";
find("#choose").addEventListener("click", () => file.click());
find("#take").addEventListener("click", () => camera.click());
for (const input of [file, camera]) {
  input.addEventListener("change", () => { if (input.files[0]) take(input.files[0]); });
}

function take(picture) {
  if (picture.type && !picture.type.startsWith("image/")) {
    trouble.textContent = `${picture.name} is not a picture.`;
    return;
  }
  given = picture;
  trouble.textContent = "";
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(picture);
}
preview.addEventListener("load", () => {
  drop.hidden = true;
  cropping.hidden = false;
  preview.classList.toggle("small", Math.max(preview.naturalWidth, preview.naturalHeight) < 200);
  select(null);
  search();
});
preview.addEventListener("error", () => {
  part = null;
  search(); // the service may read what the browser does not, or says why not
});

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
addEventListener("dragleave", (event) => { if (!event.relatedTarget) drop.classList.remove("over"); });
addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const [dropped] = event.dataTransfer.files;
  if (dropped) take(dropped);
});
addEventListener("paste", (event) => {
  const [pasted] = event.clipboardData.files;
  if (pasted) take(pasted);
});
find("#another").addEventListener("click", () => {
  drop.hidden = false;
  cropping.hidden = true;
  file.value = camera.value = "";
  find("#choose").focus();
});
find("#whole").addEventListener("click", () => { select(null); search(); });

/* The frame: where it lies in the photo, and on the screen. */
const size = () => ({ w: preview.clientWidth, h: preview.clientHeight });
const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));
function select(wanted) {
  const all = size();
  part = wanted && {
    w: clamp(wanted.w, SMALLEST, all.w), h: clamp(wanted.h, SMALLEST, all.h), x: 0, y: 0,
  };
  if (part) {
    part.x = clamp(wanted.x, 0, all.w - part.w);
    part.y = clamp(wanted.y, 0, all.h - part.h);
  }
  const { x, y, w, h } = part || { x: 0, y: 0, ...all };
  box.style.left = `${preview.offsetLeft + x}px`;
  box.style.top = `${preview.offsetTop + y}px`;
  box.style.width = `${w}px`;
  box.style.height = `${h}px`;
}
addEventListener("resize", () => { if (!cropping.hidden) select(null); });

let drag = null;
crop.addEventListener("pointerdown", (event) => {
  const edge = preview.getBoundingClientRect();
  const at = { x: event.clientX - edge.x, y: event.clientY - edge.y };
  const kind = event.target === find("#grip") ? "size" : event.target === box && part ? "move" : "new";
  drag = { kind, at, from: part || { x: 0, y: 0, ...size() } };
  crop.setPointerCapture(event.pointerId);
  if (event.target === preview) event.preventDefault();
});
crop.addEventListener("pointermove", (event) => {
  if (!drag) return;
  const edge = preview.getBoundingClientRect();
  const x = clamp(event.clientX - edge.x, 0, edge.width);
  const y = clamp(event.clientY - edge.y, 0, edge.height);
  const { at, from } = drag;
  const [dx, dy] = [x - at.x, y - at.y];
  if (drag.kind === "new") {
    if (Math.hypot(dx, dy) < 8) return;
    select({ x: Math.min(x, at.x), y: Math.min(y, at.y), w: Math.abs(dx), h: Math.abs(dy) });
  } else if (drag.kind === "move") select({ ...from, x: from.x + dx, y: from.y + dy });
  else select({ ...from, w: from.w + dx, h: from.h + dy });
  drag.moved = true;
});
crop.addEventListener("pointerup", () => {
  if (drag?.moved) search();
  drag = null;
});

const searchSoon = later(() => search());
box.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.key === "Escape") select(null);
  else if (step) {
    const all = size();
    const now = part || { x: 0, y: 0, ...all };
    const [dx, dy] = [step[0] * all.w * 0.05, step[1] * all.h * 0.05];
    if (event.shiftKey) select({ ...now, w: now.w + dx, h: now.h + dy });
    else select({ ...now, x: now.x + dx, y: now.y + dy });
    const at = part;
    say(`From ${Math.round(100 * at.x / all.w)} % across and ${Math.round(100 * at.y / all.h)} % down, `
      + `${Math.round(100 * at.w / all.w)} by ${Math.round(100 * at.h / all.h)} % of the photo`);
  } else return;
  event.preventDefault();
  searchSoon();
});

/* The part of the photo as a file: no larger than is compared. */
async function picture() {
  if (!preview.naturalWidth || !preview.complete) return given;
  const scale = preview.naturalWidth / preview.clientWidth;
  const all = { x: 0, y: 0, w: preview.naturalWidth, h: preview.naturalHeight };
  const cut = part
    ? { x: part.x * scale, y: part.y * scale, w: part.w * scale, h: part.h * scale }
    : all;
  const shrink = Math.min(1, LARGEST / Math.max(cut.w, cut.h));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(cut.w * shrink));
  canvas.height = Math.max(1, Math.round(cut.h * shrink));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(preview, cut.x, cut.y, cut.w, cut.h, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

async function search() {
  if (!given) {
    trouble.textContent = "Choose a photo first.";
    return;
  }
  running?.abort();
  const mine = running = new AbortController();
  const sent = new FormData();
  sent.set("picture", await picture(), "photo");
  sent.set("where", find("#where").value);
  find("#results").setAttribute("aria-busy", "true");
  try {
    const page = await load("/photo", { method: "POST", body: sent, signal: mine.signal });
    if (mine !== running) return;
    swap(page, "results");
    find("#photo").classList.add("found");
    if (part === null) select(null); // the preview has another size beside the results
    trouble.textContent = "";
    say(`${document.querySelectorAll("#results .card").length} items found`);
  } catch (error) {
    if (error.name !== "AbortError") trouble.textContent = error.message;
  }
  find("#results").removeAttribute("aria-busy");
}
form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
find("#where").addEventListener("input", later(() => { if (given) search(); }));
if (file.files[0]) take(file.files[0]); // chosen before this script had come
