/* The colours of charts and map, as the report has them. */
import { theme } from "./page.js";

const themes = await (await fetch(new URL("./themes.json", import.meta.url))).json();
export const palette = () => themes[theme()].palette;
export const template = () => themes[theme()].template;
