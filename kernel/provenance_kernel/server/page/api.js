// What is asked of the server, of the database of the notebook that the page's address names.
export function url(path, query = []) {
    const here = new URLSearchParams(location.search).get("notebook");
    return `api/${path}?${new URLSearchParams(here ? [["notebook", here], ...query] : query)}`;
}
export async function ask(path, query = []) {
    return answer(await fetch(url(path, query)));
}
// A deed needs the token that the server gave this page, which other pages cannot read.
export async function act(method, path, body = {}) {
    const token = /(?:^|; )_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? "";
    const headers = { "Content-Type": "application/json", "X-XSRFToken": decodeURIComponent(token) };
    return answer(await fetch(url(path), { method, headers, body: JSON.stringify(body) }));
}
async function answer(reply) {
    const found = (await reply.json());
    if (!reply.ok)
        throw new Error(found["message"] ?? reply.statusText);
    return found;
}
