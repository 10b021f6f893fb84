// The page: the address behind # says which panel is shown, and of what.

import { compare } from "./compare.js";
import { alarm, type Content } from "./dom.js";
import { lineage } from "./lineage.js";
import { plots } from "./plots.js";
import { results } from "./results.js";
import { stale } from "./stale.js";
import { trial, trials } from "./trials.js";
import { isWatching, unwatch, verify } from "./verify.js";

const view = document.querySelector("main")!;
const state = document.querySelector("#state")!;
const again = (): void => void show();

const VIEWS: Record<string, (...way: string[]) => Promise<Content[]>> = {
  results,
  trials: () => trials(again),
  trial: (id) => trial(again, id),
  compare,
  lineage,
  plots,
  stale,
  verify: (id) => verify(again, id),
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
