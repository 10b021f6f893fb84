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

async function answer(reply: Response): Promise<Json> {
  const found = (await reply.json()) as Json;
  if (!reply.ok) throw new Error(((found as Row)["message"] as string | undefined) ?? reply.statusText);
  return found;
}
