// What the page makes of the record's words, numbers and graphs.

import { address, make, names, rows, table, words } from "../src/dom";
import { layers } from "../src/lineage";
import { ticks } from "../src/plots";

const HOSTILE = "<img src=x onerror=alert(1)>";

test("what the record says is text, never HTML", () => {
  const made = table(HOSTILE, [HOSTILE], [[HOSTILE, make("a", { title: HOSTILE }, HOSTILE)]]);
  expect(made.querySelector("img")).toBeNull();
  expect(made.textContent).toBe(HOSTILE.repeat(4));
});

test("an address gives back what was put into it", () => {
  const way = ["lineage", "a/b", "50% #1", ""];
  expect(
    address(...way)
      .slice(1)
      .split("/")
      .map(decodeURIComponent),
  ).toEqual(way);
});

test("what is not there is nothing", () => {
  expect([words(null), words(undefined), words("a"), words([1])]).toEqual(["", "", "a", "[1]"]);
  expect([rows(null), rows("a"), names(null)]).toEqual([[], [], []]);
});

test.each<[number, number, number[]]>([
  [0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [18, 30, [20, 25, 30]],
  [5, 5, [5]],
  [-1, 1, [-1, -0.5, 0, 0.5, 1]],
])("ticks from %d to %d", (low, high, expected) => {
  expect(ticks(low, high)).toEqual(expected);
});

function graph(edges: [string, string][]): Parameters<typeof layers>[0] {
  const [sources, users] = [new Map<string, string[]>(), new Map<string, string[]>()];
  for (const [source, target] of edges) {
    sources.set(target, [...(sources.get(target) ?? []), source]);
    users.set(source, [...(users.get(source) ?? []), target]);
  }
  return { nodes: new Map(edges.flat().map((each) => [each, {}])), sources, users };
}

test.each<[string, [string, string][], string[][]]>([
  [
    "a chain",
    [
      ["a", "b"],
      ["b", "c"],
    ],
    [["a"], ["b"], ["c"]],
  ],
  [
    "the longest way counts",
    [
      ["a", "b"],
      ["b", "c"],
      ["a", "c"],
    ],
    [["a"], ["b"], ["c"]],
  ],
  [
    "what comes from nothing lies beside its use",
    [
      ["a", "b"],
      ["b", "c"],
      ["d", "c"],
    ],
    [["a"], ["b", "d"], ["c"]],
  ],
  [
    "a circle ends",
    [
      ["a", "b"],
      ["b", "a"],
    ],
    [["a"], ["b"]],
  ],
])("layers: %s", (_, edges, expected) => {
  expect(layers(graph(edges)).map((each) => [...each].sort())).toEqual(expected);
});
