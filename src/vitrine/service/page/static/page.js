/* What every page does; the parts that only one page needs are fetched where they are needed. */

const root = document.documentElement;
export const find = (selector, within = document) => within.querySelector(selector);
export const say = (text) => { find("#said").textContent = text; };

/* Themes: the reader's choice is kept in a cookie, so that pages come in it. */
const systemDark = matchMedia("(prefers-color-scheme: dark)");
export const theme = () => root.dataset.theme || (systemDark.matches ? "dark" : "light");
const toggle = find("#theme");
function nameToggle() {
  toggle.setAttribute("aria-label", `Switch to the ${theme() === "dark" ? "light" : "dark"} theme`);
}
function themeChanged() {
  nameToggle();
  dispatchEvent(new Event("themechange"));
}
toggle.hidden = false;
toggle.addEventListener("click", () => {
  root.dataset.theme = theme() === "dark" ? "light" : "dark";
  document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  themeChanged();
});
systemDark.addEventListener("change", () => { if (!root.dataset.theme) themeChanged(); });
nameToggle();

/* Fetch a page and return its document; what the server says of an error becomes an Error. */
export async function load(url, options = {}) {
  const response = await fetch(url, options);
  const kind = response.headers.get("content-type") || "";
  if (!kind.startsWith("text/html")) {
    const said = await response.json().catch(() => ({}));
    throw new Error(said.detail || `The service answered ${response.status}.`);
  }
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  if (!response.ok) throw new Error(find("#problem", page)?.textContent || "That did not work.");
  return page;
}

export function swap(page, ...ids) {
  for (const id of ids) {
    const fresh = page.getElementById(id);
    const old = document.getElementById(id);
    if (fresh && old) old.replaceWith(document.adoptNode(fresh));
  }
  prepare();
}

/* A picture that does not come says so in words. */
addEventListener("error", (event) => {
  const picture = event.target;
  if (picture instanceof HTMLImageElement && picture.closest(".frame")) {
    const none = document.createElement("span");
    none.className = "none";
    none.textContent = "no picture";
    picture.replaceWith(none);
  }
}, true);

/* The wall goes on as one comes near its end. */
function goOn() {
  const wall = find("#wall");
  if (!wall) return;
  const watcher = new IntersectionObserver(async (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    const link = find(".more a[rel=next]");
    if (!link) return;
    link.setAttribute("aria-busy", "true");
    try {
      const page = await load(link.href);
      const cards = [...page.querySelectorAll("#wall > li")];
      wall.append(...cards.map((card) => document.adoptNode(card)));
      find(".more a[rel=prev]", page)?.remove(); // what it leads back to is on this page
      find(".more").replaceWith(document.adoptNode(find(".more", page)));
      say(`${cards.length} more items`);
      watch();
    } catch {
      link.removeAttribute("aria-busy"); // the link is still there to be followed
    }
  }, { rootMargin: "900px" });
  const watch = () => {
    const link = find(".more a[rel=next]");
    if (link) watcher.observe(link);
  };
  watch();
}

/* Links and forms that change a part of the page only. */
let asked = null;
export async function follow(url, ids, { history: note = true, ...options } = {}) {
  asked?.abort();
  asked = new AbortController();
  const page = await load(url, { ...options, signal: asked.signal });
  swap(page, ...ids);
  if (note) history.replaceState(null, "", url);
  return page;
}
const PARTS = ["similar-found", "wishes"];
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[data-swap]");
  if (!link || !find("#similar") || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const from = link.closest("#wishes") ? "#wishes" : "#similar-found";
  const words = link.textContent;
  try {
    const page = await follow(link.href, PARTS);
    const box = find("#where");
    if (box) box.value = find("#where", page).value;
    const again = [...document.querySelectorAll(`${from} a`)].find((one) => one.textContent === words);
    again?.focus({ preventScroll: true });
    say(`${document.querySelectorAll("#similar-found .card").length} similar items`);
  } catch (error) {
    if (error.name !== "AbortError") location.href = link.href;
  }
});

/* Fetched by the click that wants it: one that came before the part would be lost. */
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-why]");
  if (!button) return;
  find(".problem", button.parentElement)?.remove();
  try {
    const { explain } = await import("./why.js");
    explain(button.dataset.why);
  } catch {
    const trouble = troubled();
    trouble.textContent = "That could not be fetched. Try again.";
    button.after(trouble);
  }
});

/* A place for what went wrong, which is read aloud. */
function troubled() {
  const trouble = document.createElement("p");
  trouble.className = "problem";
  trouble.setAttribute("role", "status");
  return trouble;
}

/* Run a while after the last call. */
export function later(action, milliseconds = 250) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}
function live() {
  for (const form of document.querySelectorAll("form[data-live]")) {
    const trouble = troubled();
    form.append(trouble);
    const ask = async (event) => {
      event?.preventDefault();
      const url = `${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`;
      try {
        await follow(url, PARTS);
        trouble.textContent = "";
      } catch (error) {
        if (error.name !== "AbortError") trouble.textContent = error.message;
      }
    };
    form.addEventListener("input", later(ask));
    form.addEventListener("submit", ask);
  }
}

/* What came with the page or was put into it. */
function prepare() {
  for (const button of document.querySelectorAll("[data-why]")) button.hidden = false;
  const wide = matchMedia("(min-width: 52rem)");
  for (const part of document.querySelectorAll("[data-open-wide]")) {
    if (wide.matches) part.open = true;
  }
}

prepare();
goOn();
live();
if (find("#photo")) import("./photo.js");
if (find("#ground")) import("./map.js");
if (find("[data-charts]")) import("./figures.js");
if (find("#you")) import("./you.js");
if (find("[data-waiting]")) import("./waiting.js");
