// The page: the address behind # says which panel is shown, and of what.

import { isWatching, unwatch } from "./api.js";
import { alarm, type Content } from "./dom.js";

const view = document.querySelector("main")!;
const state = document.querySelector("#state")!;
const again = (): void => void show();

// Each is loaded when it is first shown.
const VIEWS: Record<string, (...way: string[]) => Promise<Content[]>> = {
  results: async (...way) => (await import("./results.js")).results(...way),
  trials: async (limit) => (await import("./trials.js")).trials(again, limit),
  trial: async (id) => (await import("./trials.js")).trial(again, id),
  compare: async (...way) => (await import("./compare.js")).compare(...way),
  lineage: async (...way) => (await import("./lineage.js")).lineage(...way),
  plots: async (...way) => (await import("./plots.js")).plots(...way),
  stale: async (of) => (await import("./stale.js")).stale(of),
  verify: async (id) => (await import("./verify.js")).verify(again, id),
};
let turn = 0;
let drawn = "";

async function show(): Promise<void> {
  const mine = ++turn;
  state.textContent = "Reading the record";
  unwatch();
  let content: Content[];
  try {
    const [word = "", ...way] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const chosen = Object.hasOwn(VIEWS, word) ? word : "results";
    for (const each of document.querySelectorAll("nav a")) {
      if (each.getAttribute("href") === `#${chosen}`) each.setAttribute("aria-current", "page");
      else each.removeAttribute("aria-current");
    }
    content = await VIEWS[chosen]!(...way);
  } catch (error) {
    content = [alarm(error)];
  }
  // What was asked for later is shown, whichever answer comes first.
  if (mine !== turn) return;
  const text = content.map((each) => (each instanceof Element ? each.outerHTML : "")).join("");
  // Where it says the same as before, what somebody wrote, chose or walked to is left as it is.
  if (text !== drawn || isWatching()) view.replaceChildren(...content);
  drawn = text;
  state.textContent = "";
}

addEventListener("hashchange", () => void show());
void show();
