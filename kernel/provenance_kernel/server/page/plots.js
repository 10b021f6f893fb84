// Plots: a metric over trials, its curves where it has steps, or against a parameter.
import { ask } from "./api.js";
import { address, at, choice, draw, form, given, make, names, note, rows, table, words } from "./dom.js";
const WIDTH = 720;
const HEIGHT = 360;
const LEFT = 70;
const BELOW = 46;
const RIGHT = 16;
const TICKS = 5;
export async function plots(metric = "", against = "") {
    const found = rows(await ask("results", [
        ["limit", "200"],
        ["all", "true"],
    ]));
    const all = (kind) => [...new Set(found.flatMap((each) => names(each[kind])))];
    const metrics = all("metrics");
    const chosen = metric || metrics[0];
    if (!chosen)
        return [note("No metric was tracked yet: # metric: NAME in a cell's comments.")];
    const pick = form((filled) => void (location.hash = address("plots", given(filled, "metric"), given(filled, "against"))), "Draw", choice("metric", metrics.includes(chosen) ? metrics : [chosen, ...metrics], chosen), choice("against", ["", ...all("parameters")], against));
    const answer = await ask("plots", [["name", chosen], ...(against ? [["against", against]] : [])]);
    const lines = taken(answer);
    const curves = at(answer, "curves") !== undefined;
    const across = against || (curves ? "step" : "trial, the oldest first");
    const data = () => lines.flat().map((each) => [each.of, words(each.x), words(each.y)]);
    const whole = make("details", {}, make("summary", {}, "as a table"));
    const unfold = () => whole.append(table(`${chosen} against ${across}`, ["of", across, chosen], data()));
    whole.addEventListener("toggle", unfold, { once: true });
    return [pick, picture(`${chosen} against ${across}`, lines, curves, across, chosen), whole];
}
function taken(answer) {
    const number = (value) => Number(value);
    const curves = at(answer, "curves");
    if (curves !== undefined) {
        return rows(curves).map((each) => {
            const of = [
                words(each["prefix"]),
                ...names(each["parameters"]).map((name) => `${name} ${words(at(each["parameters"], name))}`),
            ].join(", ");
            return rows(each["points"]).map((point) => ({
                x: number(point[0]),
                y: number(point[1]),
                of,
            }));
        });
    }
    const pairs = at(answer, "pairs");
    if (pairs !== undefined) {
        return [
            rows(pairs).map((each) => ({
                x: each["value"],
                y: number(each["number"]),
                of: words(each["prefix"]),
            })),
        ];
    }
    return [
        rows(at(answer, "points")).map((each, index) => ({
            x: index + 1,
            y: number(each["numbers"].at(-1)),
            of: words(each["prefix"]),
        })),
    ];
}
export function ticks(low, high) {
    const span = high - low || Math.abs(high) || 1;
    const rough = span / TICKS;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const found = [];
    for (let each = Math.ceil(low / step) * step; each <= high + step / 1e6; each += step)
        found.push(Number(each.toPrecision(12)));
    return found;
}
function picture(title, lines, joined, across, up) {
    const points = lines.flat();
    const texts = points.some((each) => typeof each.x === "string")
        ? [...new Set(points.map((each) => String(each.x)))].sort()
        : null;
    const value = (x) => (texts ? texts.indexOf(String(x)) : Number(x));
    const scale = (values, from, to) => {
        let [low, high] = [Math.min(...values), Math.max(...values)];
        if (low === high)
            [low, high] = [low - 0.5, high + 0.5];
        return [(each) => from + ((each - low) / (high - low)) * (to - from), low, high];
    };
    const [x, lowX, highX] = scale(points.map((each) => value(each.x)), LEFT + 10, WIDTH - RIGHT);
    const [y, lowY, highY] = scale(points.map((each) => each.y), HEIGHT - BELOW - 10, 14);
    const marks = [];
    for (const each of ticks(lowY, highY)) {
        marks.push(draw("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(each), y2: y(each), class: "grid" }));
        marks.push(draw("text", { x: LEFT - 8, y: y(each), "text-anchor": "end", "dominant-baseline": "central" }, String(each)));
    }
    const below = texts
        ? texts.slice(0, 12).map((each, index) => [index, each.slice(0, 12)])
        : ticks(lowX, highX).map((each) => [each, String(each)]);
    for (const [at_, text] of below)
        marks.push(draw("text", { x: x(at_), y: HEIGHT - BELOW + 14, "text-anchor": "middle" }, text));
    marks.push(draw("text", { x: (WIDTH + LEFT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, across));
    marks.push(draw("text", { x: 14, y: HEIGHT / 2, "text-anchor": "middle", transform: `rotate(-90 14 ${HEIGHT / 2})` }, up));
    lines.forEach((line, index) => {
        const hue = `line-${index % 6}`;
        if (joined)
            marks.push(draw("polyline", {
                class: `curve ${hue}`,
                points: line.map((each) => `${x(value(each.x))},${y(each.y)}`).join(" "),
            }));
        for (const each of line) {
            marks.push(draw("circle", { class: hue, cx: x(value(each.x)), cy: y(each.y), r: joined ? 2 : 4 }, draw("title", {}, `${each.of}: ${words(each.x)}, ${each.y}`)));
        }
    });
    return draw("svg", { class: "plot", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, ...marks);
}
