/* Looks again until what is being made is there. */
import { load } from "./page.js";

const again = setInterval(async () => {
  try {
    const page = await load(location.href);
    if (page.querySelector("[data-waiting]")) return;
    clearInterval(again);
    location.reload();
  } catch {
    // the service may be busy; it is asked again
  }
}, 1500);
