/* What all charts share: the themes, and whether there is WebGL. */
import { theme } from "./page.js";

const themes = await (await fetch(new URL("./themes.json", import.meta.url))).json();
export const palette = () => themes[theme()].palette;
export const template = () => themes[theme()].template;
export const hasWebGL = (() => {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
})();
