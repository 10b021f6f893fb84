// Where a value comes from: a graph whose nodes arrow keys walk, and the same as a list to unfold.

import { ask, type Row } from "./api.js";
import { at, draw, make, note, rows, words, type Content } from "./dom.js";

const WIDTH = 170;
const HEIGHT = 34;
const GAP_X = 14;
const GAP_Y = 44;
const LONGEST = 22;

interface Graph {
  nodes: Map<string, Row>;
  sources: Map<string, string[]>;
  users: Map<string, string[]>;
}

export async function lineage(name = "", of = "latest"): Promise<Content[]> {
  const found = await ask("lineage", [
    ["name", name],
    ["trial", of],
  ]);
  const nodes = new Map(rows(at(found, "nodes")).map((each) => [words(each["id"]), each]));
  const sources = new Map<string, string[]>();
  const users = new Map<string, string[]>();
  for (const edge of rows(at(found, "edges"))) {
    const [source, target] = [words(edge["source"]), words(edge["target"])];
    sources.set(target, [...(sources.get(target) ?? []), source]);
    users.set(source, [...(users.get(source) ?? []), target]);
  }
  const graph = { nodes, sources, users };
  const root = words(at(found, "root"));
  const detail = make("pre", { role: "status", class: "detail" }, described(nodes.get(root)));
  return [
    make("h2", {}, `What ${name} came from`),
    ...(at(found, "folded") ? [note(`${words(at(found, "folded"))} nodes, folded by stage.`)] : []),
    make("p", {}, "Arrow keys walk: up to what a node came from, down to what came of it, left and right beside it."),
    make("div", { class: "wide", role: "region", "aria-label": "Lineage as a graph" }, drawing(graph, root, detail)),
    detail,
    make("ul", {}, listed(graph, root, new Set())),
  ];
}

function described(node: Row | undefined): string {
  return ["kind", "label", "stage", "detail"]
    .map((each) => words(node?.[each]))
    .filter(Boolean)
    .join(" · ");
}

// A node lies one layer below the lowest of its sources; one in a circle below those known by then.
export function layers(graph: Graph): string[][] {
  const depth = new Map<string, number>();
  const waiting = new Map([...graph.nodes.keys()].map((id) => [id, new Set(graph.sources.get(id)).size]));
  let ready = [...waiting].filter(([, count]) => !count).map(([id]) => id);
  while (waiting.size) {
    const next = ready.length ? ready : [waiting.keys().next().value!];
    ready = [];
    for (const id of next) {
      waiting.delete(id);
      const above = (graph.sources.get(id) ?? []).map((each) => depth.get(each) ?? -1);
      depth.set(id, Math.max(-1, ...above) + 1);
      for (const user of new Set(graph.users.get(id))) {
        const left = waiting.get(user);
        if (left === undefined) continue;
        waiting.set(user, left - 1);
        if (left === 1) ready.push(user);
      }
    }
  }
  // What came from nothing lies just above the first that came from it.
  for (const id of graph.nodes.keys()) {
    const below = (graph.users.get(id) ?? []).map((each) => depth.get(each)!);
    if (!graph.sources.has(id) && below.length) depth.set(id, Math.max(0, Math.min(...below) - 1));
  }
  const found = Array.from({ length: Math.max(...depth.values()) + 1 }, (): string[] => []);
  for (const [id, at_] of depth) found[at_]!.push(id);
  // Each below the middle of its sources, so that fewer lines cross.
  const place = new Map<string, number>();
  for (const layer of found) {
    const middle = (id: string): number => {
      const known = (graph.sources.get(id) ?? []).map((each) => place.get(each)).filter((each) => each !== undefined);
      return known.length ? known.reduce((sum, each) => sum + each, 0) / known.length : 0;
    };
    const middles = new Map(layer.map((id) => [id, middle(id)]));
    layer.sort((one, other) => middles.get(one)! - middles.get(other)!);
    layer.forEach((id, index) => place.set(id, index));
  }
  return found;
}

function drawing(graph: Graph, root: string, detail: HTMLElement): SVGElement {
  const found = layers(graph);
  const width = Math.max(...found.map((each) => each.length)) * (WIDTH + GAP_X);
  const place = new Map<string, { x: number; y: number; layer: number; index: number }>();
  found.forEach((layer, y) =>
    layer.forEach((id, index) => {
      const x = (width - layer.length * (WIDTH + GAP_X)) / 2 + index * (WIDTH + GAP_X);
      place.set(id, { x, y: y * (HEIGHT + GAP_Y), layer: y, index });
    }),
  );
  const lines: SVGElement[] = [];
  for (const [target, above] of graph.sources) {
    for (const source of above) {
      const [from, to] = [place.get(source), place.get(target)];
      if (!from || !to) continue;
      const [x1, y1, x2, y2] = [from.x + WIDTH / 2, from.y + HEIGHT, to.x + WIDTH / 2, to.y];
      const bend = GAP_Y / 2;
      lines.push(draw("path", { d: `M${x1} ${y1}C${x1} ${y1 + bend} ${x2} ${y2 - bend} ${x2} ${y2}` }));
    }
  }
  const boxes = new Map<string, SVGElement>();
  const show = (id: string | undefined): void => {
    const box = id === undefined ? undefined : boxes.get(id);
    if (!box) return;
    for (const each of boxes.values()) each.setAttribute("tabindex", "-1");
    box.setAttribute("tabindex", "0");
    box.focus();
    box.scrollIntoView({ block: "nearest", inline: "nearest" });
    detail.textContent = described(graph.nodes.get(id!));
  };
  const stages = [...new Set([...graph.nodes.values()].map((each) => words(each["stage"])).filter(Boolean))];
  for (const [id, { x, y, layer, index }] of place) {
    const node = graph.nodes.get(id)!;
    const hue = stages.indexOf(words(node["stage"]));
    const label = words(node["label"]);
    const short = label.length > LONGEST ? `${label.slice(0, LONGEST - 1)}…` : label;
    const box = draw(
      "g",
      {
        class: `node ${id === root ? "root" : ""}`,
        transform: `translate(${x} ${y})`,
        tabindex: id === root ? 0 : -1,
        role: "button",
      },
      draw("rect", { width: WIDTH, height: HEIGHT, rx: 5, ...(hue < 0 ? {} : { class: `line-${hue % 6}` }) }),
      draw("text", { x: WIDTH / 2, y: HEIGHT / 2, "text-anchor": "middle", "dominant-baseline": "central" }, short),
    );
    box.addEventListener("click", () => show(id));
    box.addEventListener("keydown", (event) => {
      const ways: Record<string, string | undefined> = {
        ArrowUp: graph.sources.get(id)?.[0],
        ArrowDown: graph.users.get(id)?.[0],
        ArrowLeft: found[layer]![index - 1],
        ArrowRight: found[layer]![index + 1],
      };
      if (!(event.key in ways)) return;
      event.preventDefault();
      show(ways[event.key]);
    });
    boxes.set(id, box);
  }
  // As soon as it is in the page.
  requestAnimationFrame(() => boxes.get(root)?.scrollIntoView({ block: "nearest", inline: "center" }));
  const height = found.length * (HEIGHT + GAP_Y) - GAP_Y;
  return draw(
    "svg",
    {
      class: "graph",
      width: width + 4,
      height: height + 4,
      viewBox: `-2 -2 ${width + 4} ${height + 4}`,
      role: "group",
      "aria-label": "nodes",
    },
    ...lines,
    ...boxes.values(),
  );
}

function listed(graph: Graph, id: string, seen: Set<string>): HTMLElement {
  const text = described(graph.nodes.get(id));
  const above = graph.sources.get(id) ?? [];
  if (seen.has(id)) return make("li", {}, above.length ? `${text} (see above)` : text);
  seen.add(id);
  if (!above.length) return make("li", {}, text);
  const inner = make("ul", {}, ...above.map((each) => listed(graph, each, seen)));
  return make("li", {}, make("details", { open: "" }, make("summary", {}, text), inner));
}
