/* Rate in place, and see the picks change. */
import { find, follow, say } from "./page.js";

const form = find("#key-form");
const trouble = find("#trouble");
let key = "";
let waiting = null; // the rating that waits for the key

function show() {
  for (const stars of document.querySelectorAll("[data-rate]")) stars.hidden = false;
}
if (form) form.hidden = false;
show();

async function rate(itemId, value) {
  if (form && !key) {
    waiting = [itemId, value];
    trouble.textContent = "Give the write key first.";
    find("#key").focus();
    return;
  }
  const user = new URLSearchParams(location.search).get("user").trim();
  const headers = { "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch("/api/interactions", {
    method: "POST",
    headers,
    body: JSON.stringify({ interactions: [{ user_id: user, item_id: itemId, value }] }),
  });
  const said = await response.json();
  if (!response.ok) {
    key = "";
    trouble.textContent = said.detail || "That did not work.";
    return;
  }
  trouble.textContent = said.refused.map((one) => one.reason).join("; ");
  await follow(location.href, ["history", "picks", "popular"]);
  show();
  say("Rated; the picks are up to date.");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-rate] button");
  if (!button) return;
  rate(button.parentElement.dataset.rate, Number(button.value))
    .catch((error) => { trouble.textContent = error.message; });
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  key = find("#key").value.trim();
  find("#key").value = "";
  trouble.textContent = "";
  find("#key").placeholder = key ? "A key is in use" : "";
  if (key && waiting) rate(...waiting);
  waiting = null;
});
