// Elements and what stands in them: everything from the record is set as text, never as HTML.
export function make(tag, attributes, ...content) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
        made.setAttribute(name, value);
    made.append(...content);
    return made;
}
export function draw(tag, attributes, ...content) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes))
        made.setAttribute(name, String(value));
    made.append(...content);
    return made;
}
export function address(...way) {
    return "#" + way.map(encodeURIComponent).join("/");
}
export function link(text, ...way) {
    return make("a", { href: address(...way) }, text);
}
export function button(text, act, label = text) {
    const made = make("button", { type: "button", "aria-label": label }, text);
    made.onclick = () => void act();
    return made;
}
// A field with its name; the form's own name for it is the same.
export function field(name, value, attributes = {}) {
    return make("label", {}, name + " ", make("input", { name, value, ...attributes }));
}
export function form(act, done, ...fields) {
    const made = make("form", {}, ...fields, make("button", {}, done));
    made.onsubmit = (event) => {
        event.preventDefault();
        void act(new FormData(made));
    };
    return made;
}
/** What a form gives as text; none of its fields is a file. */
export function given(form, name) {
    return form.get(name);
}
export function choice(name, options, chosen) {
    const each = (value) => make("option", { value, ...(value === chosen ? { selected: "" } : {}) }, value || "each trial");
    return make("label", {}, name + " ", make("select", { name }, ...options.map(each)));
}
export function words(value) {
    if (value === null || value === undefined)
        return "";
    return typeof value === "string" ? value : JSON.stringify(value);
}
export function rows(value) {
    return Array.isArray(value) ? value : [];
}
export function names(value) {
    return Object.keys((value ?? {}));
}
export function at(value, name) {
    return value && typeof value === "object" && !Array.isArray(value) ? value[name] : undefined;
}
export function table(caption, heads, lines) {
    const head = make("tr", {}, ...heads.map((each) => (each === "" ? make("td", {}) : make("th", { scope: "col" }, each))));
    const body = lines.map((line) => make("tr", {}, ...line.map((each) => make("td", {}, each))));
    const whole = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
    return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole);
}
// How much of a long list is shown at first.
export const FIRST = "100";
/** What a caption says of a list that may go on. */
export function first(found, limit) {
    return found.length < Number(limit) ? "" : `, the first ${limit}`;
}
/** The way to more of a list, where there may be. */
export function more(found, limit, ...way) {
    return found.length < Number(limit) ? [] : [link("more", ...way, String(4 * Number(limit)))];
}
export function note(text) {
    return make("p", {}, text);
}
export function alarm(error) {
    return make("p", { role: "alert" }, error instanceof Error ? error.message : String(error));
}
