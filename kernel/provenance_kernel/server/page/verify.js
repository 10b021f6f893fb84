// Verifying a trial: started, watched, cancelled, and what came of it.
import { act, ask, watch } from "./api.js";
import { alarm, at, button, field, form, given, link, make, note, rows, table, words } from "./dom.js";
export async function verify(again, of = "latest") {
    const jobs = rows(await ask("verifications"));
    const said = make("div", {});
    const start = form(async (filled) => {
        try {
            await act("POST", "verifications", {
                targets: of,
                runs: Number(given(filled, "runs")),
                network: filled.has("network"),
            });
            again();
        }
        catch (error) {
            said.replaceChildren(alarm(error));
        }
    }, "Verify", field("runs", "4", { type: "number", min: "0", max: "99" }), field("network", "yes", { type: "checkbox" }));
    const shown = [
        make("h2", {}, `Verify ${of}`),
        note("It is run again in a copy of its folder, and compared."),
        start,
        said,
    ];
    jobs.forEach((each, index) => shown.push(job(each, index === 0)));
    return shown;
}
function job(first, latest) {
    const place = make("section", { "aria-label": `verification of ${words(at(first, "trial"))}` });
    const show = (told) => {
        const focused = place.contains(document.activeElement);
        place.replaceChildren(...report(told));
        if (focused)
            place.querySelector("button")?.focus();
    };
    show(first);
    if (latest && at(first, "state") === "running") {
        watch(`verifications/${words(at(first, "id"))}/events`, (told) => {
            show(told);
            return at(told, "state") === "running";
        });
    }
    return place;
}
function report(told) {
    const id = words(at(told, "id"));
    const shown = [
        make("h3", {}, `${words(at(told, "state"))}: `, link(words(at(told, "trial")), "trial", words(at(told, "trial")))),
    ];
    if (at(told, "state") === "running") {
        const [cell, cells] = [
            words(at(at(told, "progress"), "cell")) || "0",
            words(at(at(told, "progress"), "cells")) || "1",
        ];
        const what = `${words(at(at(told, "progress"), "what"))} ${cell}/${cells} ${words(at(at(told, "progress"), "code"))}`;
        shown.push(make("progress", { value: cell, max: cells, "aria-label": "cells run" }), make("pre", { role: "status" }, what));
        shown.push(button("Cancel", async () => {
            await act("DELETE", `verifications/${id}`);
        }));
        return shown;
    }
    const message = words(at(told, "message"));
    if (message)
        shown.push(make("p", { role: "alert" }, message));
    const found = at(told, "report");
    if (!found)
        return shown;
    shown.push(note(`${words(at(found, "verdict")).replaceAll("_", " ")}, ${words(at(found, "runs"))} runs, ${words(at(found, "seconds"))} s`));
    shown.push(...rows(at(found, "notes")).map((each) => note(words(each))));
    shown.push(table("By stage", ["stage", "verdict"], rows(at(found, "stages")).map((each) => [words(each["stage"]) || "no stage", words(each["verdict"])])));
    const keys = ["cell", "stage", "name", "verdict", "cause", "evidence", "detail"];
    const lines = rows(at(found, "findings")).map((each) => keys.map((key) => words(each[key])));
    if (lines.length)
        shown.push(table("What differs", keys, lines));
    return shown;
}
