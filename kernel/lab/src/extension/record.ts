// What the server's record knows of an open notebook, asked of the API and never of the kernel.

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";

/** Why a cell no longer follows: `names` are variables or files, by the reason. */
export interface Stale {
  cell_id: string | null;
  reason: "edited" | "input" | "file" | "upstream";
  names: string[];
}

/** What is known: the stages of the project, and the stale cells in the order they last ran. */
export interface Known {
  trial: string | null;
  stages: string[];
  stale: Stale[];
}

/** Ask for a notebook's cells as they are now; `sources` are by cell id. Null where it cannot be told. */
export async function ask(notebook: string, sources: Record<string, string>): Promise<Known | null> {
  const settings = ServerConnection.makeSettings();
  const url = URLExt.join(settings.baseUrl, "provenance/api/cells") + URLExt.objectToQueryString({ notebook });
  const body = JSON.stringify({ sources });
  try {
    const reply = await ServerConnection.makeRequest(url, { method: "POST", body }, settings);
    return reply.ok ? ((await reply.json()) as Known) : null;
  } catch {
    // The server is away; what was told last stands.
    return null;
  }
}

/** The reason in words. */
export function why({ reason, names }: Stale): string {
  const listed = names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  switch (reason) {
    case "edited":
      return "stale: edited since it ran";
    case "input":
      return `stale: another value now in ${listed}`;
    case "file":
      return `stale: changed file ${listed}`;
    case "upstream":
      return `stale: ${listed} from a stale cell`;
  }
}
