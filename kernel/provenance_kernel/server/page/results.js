// Results: sorted by a click, narrowed by a condition, two of them chosen to be compared.
import { ask } from "./api.js";
import { address, at, button, field, FIRST, first, form, given, link, make, more, names, note, rows, table, words, } from "./dom.js";
export async function results(sort = "", order = "", where = "", limit = FIRST) {
    const query = [["limit", limit]];
    if (sort)
        query.push(["sort", sort], ["ascending", String(order === "ascending")]);
    if (where)
        query.push(["where", where]);
    const narrow = form((filled) => void (location.hash = address("results", sort, order, given(filled, "where"))), "Filter", field("where", where, { placeholder: "score > 0.8 and depth = 3", size: "40" }));
    const found = rows(await ask("results", query));
    if (!found.length)
        return [
            narrow,
            note(where ? "No result is so." : "No metric was tracked yet: # metric: NAME in a cell's comments."),
        ];
    const columns = (kind) => [...new Set(found.flatMap((each) => names(each[kind])))];
    const metrics = columns("metrics");
    const parameters = columns("parameters");
    const head = (name) => link(name, "results", name, sort === name && order !== "ascending" ? "ascending" : "descending", where);
    const chosen = [];
    const compare = button("Compare the two chosen", () => void (location.hash = address("compare", ...chosen)));
    compare.toggleAttribute("disabled", true);
    const choose = (named) => {
        const box = make("input", { type: "checkbox", "aria-label": `choose ${named}` });
        box.onchange = () => {
            if (box.checked)
                chosen.push(named);
            else
                chosen.splice(chosen.indexOf(named), 1);
            compare.toggleAttribute("disabled", chosen.length !== 2);
        };
        return box;
    };
    const lines = found.map((each) => {
        const id = `${words(each["trial_id"])}@${words(each["position"])}`;
        const shown = `${words(each["prefix"])}@${words(each["position"])}`;
        const metric = (name) => name in each["metrics"] ? link(words(at(each["metrics"], name)), "lineage", name, id) : "";
        const parameter = (name) => words(at(each["parameters"], name));
        return [
            choose(shown),
            link(shown, "trial", words(each["trial_id"])),
            ...metrics.map(metric),
            ...parameters.map(parameter),
        ];
    });
    const caption = `Results, ${sort ? `by ${sort}` : "the latest first"}${first(found, limit)}`;
    return [
        narrow,
        compare,
        table(caption, ["", "result", ...[...metrics, ...parameters].map(head)], lines),
        ...more(found, limit, "results", sort, order, where),
    ];
}
