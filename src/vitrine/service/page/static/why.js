/* Which parts of two pictures make them alike: a heat map over each. */
import { find } from "./page.js";

const dialog = find("#why");
const pair = find("#why-pair");
const lead = find("#why-lead");
const explained = lead.textContent;

function heat(shares, image) {
  const small = document.createElement("canvas");
  small.width = shares[0].length;
  small.height = shares.length;
  const pixels = new ImageData(small.width, small.height);
  shares.flat().forEach((share, i) => pixels.data.set([214, 69, 0, Math.round(210 * share)], 4 * i));
  small.getContext("2d").putImageData(pixels, 0, 0);
  const canvas = document.createElement("canvas");
  const grown = Math.max(1, 480 / Math.max(image.naturalWidth, image.naturalHeight));
  canvas.width = Math.round(image.naturalWidth * grown);
  canvas.height = Math.round(image.naturalHeight * grown);
  canvas.className = "heat";
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function figure({ url, shares, similarity, lowest }) {
  const image = new Image();
  image.alt = "";
  image.src = url;
  await image.decode();
  const holder = document.createElement("figure");
  const frame = document.createElement("div");
  frame.className = "frame";
  frame.append(image, heat(shares, image));
  const caption = document.createElement("figcaption");
  caption.textContent = `Similarity ${similarity.toFixed(2)}; with the reddest part covered ${lowest.toFixed(2)}.`;
  holder.append(frame, caption);
  return holder;
}

export async function explain(like) {
  const asked = { id: find("#similar").dataset.item, like };
  lead.textContent = "Covering the pictures part by part …";
  pair.replaceChildren();
  dialog.dataset.state = "busy";
  dialog.showModal();
  try {
    const response = await fetch(`/item/heat?${new URLSearchParams(asked)}`);
    const found = await response.json();
    if (!response.ok) throw new Error(found.detail);
    pair.replaceChildren(...await Promise.all(found.pictures.map(figure)));
    lead.textContent = explained;
  } catch (error) {
    lead.textContent = error.message || "That did not work.";
  }
  dialog.dataset.state = "done";
}
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
