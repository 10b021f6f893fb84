// Two trials or results: what differs, with code and outputs side by side.

import { ask, type Row } from "./api.js";
import { at, make, note, rows, table, words, type Content } from "./dom.js";
import { outputs } from "./trials.js";

export async function compare(a = "latest~1", b = "latest"): Promise<Content[]> {
  const [found, ...sides] = await Promise.all([
    ask("compare", [
      ["trials", a],
      ["trials", b],
    ]),
    ...[a, b].map((each) => ask(`trials/${encodeURIComponent(each)}`)),
  ]);
  const runs = sides.map((side) => new Map(rows(at(side, "cell_runs")).map((each) => [words(each["id"]), each])));
  const shown: Content[] = [];
  for (const kind of ["metrics", "parameters", "environment", "packages"]) {
    const lines = rows(at(found, kind)).map((each) => [words(each["name"]), words(each["a"]), words(each["b"])]);
    if (lines.length) shown.push(table(kind, ["name", a, b], lines));
  }
  for (const stage of rows(at(found, "stages"))) {
    shown.push(make("h2", {}, words(stage["stage"]) || "no stage"));
    for (const cell of rows(stage["cells"])) shown.push(...difference(cell, a, b, runs));
  }
  return shown.length ? shown : [note("Nothing differs.")];
}

function difference(cell: Row, a: string, b: string, runs: Map<string, Row>[]): Content[] {
  const side = cell["b"] ?? cell["a"];
  const only = cell["a"] === null ? `, only in ${b}` : cell["b"] === null ? `, only in ${a}` : "";
  const shown: Content[] = [make("h3", {}, `${words(at(side, "position"))}: ${words(at(side, "label"))}${only}`)];
  const changed = rows(cell["variables"]).map((each) => words(each["name"]));
  if (changed.length) shown.push(note(`values differ: ${changed.join(", ")}`));
  const files = rows(cell["files"]).map((each) => words(each["path"]));
  if (files.length) shown.push(note(`files differ: ${files.join(", ")}`));
  const others = [cell["a"], cell["b"]].map((each, at_) =>
    each ? runs[at_]!.get(words(at(each, "run_id"))) : undefined,
  );
  const sources = others.map((each) => (each ? words(each["source"]).split("\n") : []));
  shown.push(
    make(
      "div",
      { class: "sides" },
      ...others.map((run, at_) => {
        const other = new Set(sources[1 - at_]);
        const lines = sources[at_]!.map((line) => make(other.has(line) ? "span" : "mark", {}, line + "\n"));
        const heading = make("h4", {}, [a, b][at_]!);
        return run
          ? make("div", {}, heading, make("pre", {}, ...lines), outputs(run))
          : make("div", {}, heading, note("not there"));
      }),
    ),
  );
  return shown;
}
