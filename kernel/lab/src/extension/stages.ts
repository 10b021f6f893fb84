// The stages of a cell, as the kernel reads them (provenance_kernel/stages.py), and their colours.

export interface Metadata {
  provenance?: { stage?: unknown };
  tags?: unknown;
}

// What opens a cell is short; a longer opening is the kernel's to read, and only its beginning ours.
const OPENING = 20_000;
const DIRECTIVE = /^#+[^\S\n]*stage[^\S\n]*:(.*)$/i;
const TAG = /^stage[:=-](.*)$/is;
const COLOURS = 6;

/** A stage's name as it is stored: case (of letters that are two in capitals, too) and the kind of separator do not matter. */
export function normalised(label: string): string {
  return label
    .trim()
    .toUpperCase()
    .toLowerCase()
    .replace(/[\s\-_]+/g, "_")
    .replace(/^_+|_+$/g, "");
}

/** The labels that a cell's metadata gives, by its key and by tags. */
export function inMetadata(metadata: Metadata): string[] {
  const given = metadata.provenance?.stage;
  const tags: unknown[] = Array.isArray(metadata.tags) ? metadata.tags : [];
  const tagged = tags.map((each) => (typeof each === "string" ? TAG.exec(each.trim())?.[1] : undefined));
  return labels([given, tagged].flat());
}

/** The labels in the comments that open a cell, after a cell magic too. */
export function inComments(source: string): string[] {
  const found: string[] = [];
  let magics = true;
  for (const line of source
    .slice(0, OPENING)
    .split("\n")
    .map((each) => each.trim())) {
    if (line.startsWith("#")) {
      magics = false;
      found.push(...(DIRECTIVE.exec(line)?.[1]?.split(",") ?? []));
    } else if (line && !(magics && line.startsWith("%%"))) break;
  }
  return labels(found);
}

function labels(given: unknown[]): string[] {
  const written = given.filter((each): each is string => typeof each === "string");
  const byName = new Map(written.map((each) => [normalised(each), each.trim()] as const).reverse());
  byName.delete("");
  return [...byName.values()].reverse();
}

/** The class of a stage's colour: by the order in which stages appear, as lineages have it. */
export function colour(label: string, appearing: readonly string[]): number {
  return appearing.indexOf(normalised(label)) % COLOURS;
}
