// Stale cells with their reasons, in the order in which they are to run again.
import { ask } from "./api.js";
import { make, note, rows, table, words } from "./dom.js";
export async function stale(of = "latest") {
    const found = rows(await ask("refresh", [["trial", of]]));
    if (!found.length)
        return [note("No cell is stale.")];
    const lines = found.map((each) => [
        words(each["position"]),
        words(each["stage"]),
        words(each["reason"]),
        rows(each["names"]).map(words).join(", "),
        words(each["duration"]),
        make("pre", {}, words(each["code"])),
    ]);
    return [
        table("Stale cells, in the order to run them", ["last run", "stage", "reason", "names", "seconds", "code"], lines),
        note("In the notebook, %provenance refresh runs just these."),
    ];
}
