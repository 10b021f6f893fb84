// Trials: what is noted of each, stars, deletion; and one of them with its cells and outputs.
import { act, ask, url } from "./api.js";
import { at, button, field, FIRST, first, form, given, link, make, more, rows, table, words, } from "./dom.js";
// So many letters of an output are shown.
const LONGEST = 20_000;
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);
export async function trials(again, limit = FIRST) {
    const found = rows(await ask("trials", [["limit", limit]]));
    const lines = found.map((each) => {
        const id = words(each["id"]);
        const prefix = words(each["prefix"]);
        const starred = at(each["note"], "starred") === true;
        const star = button(starred ? "★" : "☆", async () => {
            await act("PATCH", `trials/${encodeURIComponent(id)}/note`, { star: !starred });
            again();
        }, `star ${prefix}`);
        star.setAttribute("aria-pressed", String(starred));
        const tags = rows(at(each["note"], "tags"))
            .map((tag) => ` #${words(tag)}`)
            .join("");
        const remove = button("delete", () => confirmed(remove, id, prefix, again), `delete ${prefix}`);
        return [
            star,
            link(prefix, "trial", id),
            words(at(each["note"], "name")) + tags,
            words(each["started_at"]).slice(0, 19).replace("T", " "),
            ...["notebook", "kind", "status", "verdict"].map((name) => words(each[name]).replaceAll("_", " ")),
            link("stale cells", "stale", id),
            link("verify", "verify", id),
            remove,
        ];
    });
    const heads = ["star", "trial", "name", "started (UTC)", "notebook", "kind", "status", "verdict", "", "", ""];
    return [table(`Trials, the latest first${first(found, limit)}`, heads, lines), ...more(found, limit, "trials")];
}
// Deletion is for good, so it is asked for twice, where the first button was.
function confirmed(first, id, prefix, again) {
    const yes = button("delete for good", async () => {
        try {
            await act("DELETE", "trials", { trials: [id], yes: true });
            again();
        }
        catch (error) {
            both.replaceChildren(make("span", { role: "alert" }, error instanceof Error ? error.message : String(error)));
        }
    }, `delete ${prefix} for good`);
    const no = button("keep", () => both.replaceWith(first), `keep ${prefix}`);
    const both = make("span", {}, yes, no);
    first.replaceWith(both);
    no.focus();
}
export async function trial(again, id = "latest") {
    const path = `trials/${encodeURIComponent(id)}`;
    const found = await ask(path);
    const whole = words(at(found, "id"));
    const noted = at(rows(await ask("trials")).find((each) => each["id"] === whole), "note");
    const tags = rows(at(noted, "tags")).map(words);
    const write = form(async (filled) => {
        const wanted = given(filled, "tags")
            .split(/[\s,]+/)
            .filter(Boolean);
        await act("PATCH", `${path}/note`, {
            name: given(filled, "name"),
            text: given(filled, "text"),
            tag: wanted,
            untag: tags.filter((each) => !wanted.includes(each)),
        });
        again();
    }, "Note", field("name", words(at(noted, "name"))), field("text", words(at(noted, "text")), { size: "40" }), field("tags", tags.join(" ")));
    const lines = rows(at(found, "cell_runs")).map((each) => [
        words(each["position"]),
        (Array.isArray(each["stages"]) ? each["stages"] : []).map(words).join(", "),
        words(each["status"]),
        words(each["duration"]),
        make("pre", {}, words(each["source"])),
        outputs(each),
    ]);
    const caption = `Cell runs of ${whole}`;
    return [
        write,
        link("verify it", "verify", whole),
        table(caption, ["run", "stage", "status", "seconds", "code", "outputs"], lines),
    ];
}
// What a run showed: pictures and texts where they are kept, otherwise how the record sums them up.
// Of an output that is there in several types, a picture tells most, then the text; HTML stays where it is.
export function outputs(run) {
    const byPosition = new Map();
    for (const each of rows(run["outputs"])) {
        const position = words(each["position"]);
        byPosition.set(position, [...(byPosition.get(position) ?? []), each]);
    }
    const made = [...byPosition.values()].map((types) => {
        const isText = (each) => each["mime"] === "text/plain";
        const text = types.find(isText);
        const picture = types.find((each) => each["kept"] === true && PICTURES.has(words(each["mime"])));
        const plain = make("pre", {}, words((text ?? types[0])["summary"]) || words(types[0]["mime"]));
        if (!picture) {
            if (text?.["kept"] === true)
                whenSeen(plain, async () => fill(plain, await fetch(kept(text))));
            return plain;
        }
        const shown = make("img", { src: kept(picture), alt: `output of run ${words(run["position"])}` });
        shown.onerror = () => shown.replaceWith(plain);
        return shown;
    });
    return make("div", {}, ...made);
}
function kept(output) {
    return url(`outputs/${encodeURIComponent(words(output["id"]))}`);
}
async function fill(place, reply) {
    // What is kept no more stays summed up.
    if (!reply.ok)
        return;
    const text = await reply.text();
    place.textContent = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
function whenSeen(place, act) {
    const observer = new IntersectionObserver((seen) => {
        if (!seen.some((each) => each.isIntersecting))
            return;
        observer.disconnect();
        void act();
    });
    observer.observe(place);
}
