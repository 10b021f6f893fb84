// Elements and what stands in them: everything from the record is set as text, never as HTML.

import type { Json, Row } from "./api.js";

export type Content = Node | string;

export function make(tag: string, attributes: Record<string, string>, ...content: Content[]): HTMLElement {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...content);
  return made;
}

export function draw(tag: string, attributes: Record<string, string | number>, ...content: Content[]): SVGElement {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...content);
  return made;
}

export function address(...way: string[]): string {
  return "#" + way.map(encodeURIComponent).join("/");
}

export function link(text: string, ...way: string[]): HTMLElement {
  return make("a", { href: address(...way) }, text);
}

export function button(text: string, act: () => void | Promise<void>, label = text): HTMLElement {
  const made = make("button", { type: "button", "aria-label": label }, text);
  made.onclick = (): void => void act();
  return made;
}

// A field with its name; the form's own name for it is the same.
export function field(name: string, value: string, attributes: Record<string, string> = {}): HTMLElement {
  return make("label", {}, name + " ", make("input", { name, value, ...attributes }));
}

export function form(
  act: (filled: FormData) => void | Promise<void>,
  done: string,
  ...fields: HTMLElement[]
): HTMLElement {
  const made = make("form", {}, ...fields, make("button", {}, done)) as HTMLFormElement;
  made.onsubmit = (event): void => {
    event.preventDefault();
    void act(new FormData(made));
  };
  return made;
}

/** What a form gives as text; none of its fields is a file. */
export function given(form: FormData, name: string): string {
  return form.get(name) as string;
}

export function choice(name: string, options: string[], chosen: string): HTMLElement {
  const each = (value: string): HTMLElement =>
    make("option", { value, ...(value === chosen ? { selected: "" } : {}) }, value || "each trial");
  return make("label", {}, name + " ", make("select", { name }, ...options.map(each)));
}

export function words(value: Json | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

export function rows(value: Json | undefined): Row[] {
  return Array.isArray(value) ? (value as Row[]) : [];
}

export function names(value: Json | undefined): string[] {
  return Object.keys((value ?? {}) as Row);
}

export function at(value: Json | undefined, name: string): Json | undefined {
  return value && typeof value === "object" && !Array.isArray(value) ? value[name] : undefined;
}

export function table(caption: string, heads: Content[], lines: Content[][]): HTMLElement {
  const head = make(
    "tr",
    {},
    ...heads.map((each) => (each === "" ? make("td", {}) : make("th", { scope: "col" }, each))),
  );
  const body = lines.map((line) => make("tr", {}, ...line.map((each) => make("td", {}, each))));
  const whole = make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

// How much of a long list is shown at first.
export const FIRST = "100";

/** What a caption says of a list that may go on. */
export function first(found: Row[], limit: string): string {
  return found.length < Number(limit) ? "" : `, the first ${limit}`;
}

/** The way to more of a list, where there may be. */
export function more(found: Row[], limit: string, ...way: string[]): Content[] {
  return found.length < Number(limit) ? [] : [link("more", ...way, String(4 * Number(limit)))];
}

export function note(text: string): HTMLElement {
  return make("p", {}, text);
}

export function alarm(error: unknown): HTMLElement {
  return make("p", { role: "alert" }, error instanceof Error ? error.message : String(error));
}
