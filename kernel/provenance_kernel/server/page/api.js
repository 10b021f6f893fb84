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
let watched = null;
/** Be told of one thing, each time that it changes, for as long as more is to be told. */
export function watch(path, tell) {
    unwatch();
    const source = (watched = new EventSource(url(path)));
    source.onmessage = (event) => {
        // Ended here, or the browser would ask again for what has come to its end.
        if (!tell(JSON.parse(event.data)))
            source.close();
    };
}
export function unwatch() {
    watched?.close();
    watched = null;
}
export function isWatching() {
    return watched !== null;
}
async function answer(reply) {
    const found = (await reply.json());
    if (!reply.ok)
        throw new Error(found["message"] ?? reply.statusText);
    return found;
}
