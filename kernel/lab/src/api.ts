// What is asked of the server, of the database of the notebook that the page's address names.

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Row = Record<string, Json>;
type Query = [string, string][];

export function url(path: string, query: Query = []): string {
  const here = new URLSearchParams(location.search).get("notebook");
  return `api/${path}?${new URLSearchParams(here ? [["notebook", here], ...query] : query)}`;
}

export async function ask(path: string, query: Query = []): Promise<Json> {
  return answer(await fetch(url(path, query)));
}

// A deed needs the token that the server gave this page, which other pages cannot read.
export async function act(method: string, path: string, body: Row = {}): Promise<Json> {
  const token = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
  const headers = { "Content-Type": "application/json", "X-XSRFToken": decodeURIComponent(token) };
  return answer(await fetch(url(path), { method, headers, body: JSON.stringify(body) }));
}

let watched: EventSource | null = null;

/** Be told of one thing, each time that it changes, for as long as more is to be told. */
export function watch(path: string, tell: (told: Json) => boolean): void {
  unwatch();
  const source = (watched = new EventSource(url(path)));
  source.onmessage = (event): void => {
    // Ended here, or the browser would ask again for what has come to its end.
    if (!tell(JSON.parse(event.data as string) as Json)) source.close();
  };
}

export function unwatch(): void {
  watched?.close();
  watched = null;
}

export function isWatching(): boolean {
  return watched !== null;
}

async function answer(reply: Response): Promise<Json> {
  const found = (await reply.json()) as Json;
  if (!reply.ok) throw new Error(((found as Row)["message"] as string | undefined) ?? reply.statusText);
  return found;
}
