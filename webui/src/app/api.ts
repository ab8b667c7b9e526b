// Orders to the server. Addresses are relative to the page, so that any base path works. Never throws: what went wrong comes
// back in words.

export interface Answer {
  readonly ok: boolean;
  readonly message: string;
  /** The server has no such endpoint. */
  readonly missing?: boolean;
}

export type Fields = readonly (readonly [string, string])[];

async function send(path: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(path, { credentials: "same-origin", ...init });
    const text = await response.text();
    return { ...understood(response, text), missing: response.status === 404 };
  } catch {
    return { ok: false, message: "The server does not answer. Is Gregaria still running?" };
  }
}

/** Locust's form of success and failure, or the text as it is. */
export function understood(response: { readonly ok: boolean; readonly status: number }, text: string): Answer {
  try {
    const value = JSON.parse(text) as { success?: boolean; message?: string };
    const message = typeof value.message === "string" ? value.message : "";
    return {
      ok: response.ok && value.success !== false,
      message: message || (response.ok ? "" : `Error ${response.status}`),
    };
  } catch {
    return { ok: response.ok, message: response.ok ? "" : text.trim().slice(0, 300) || `Error ${response.status}` };
  }
}

const post = (path: string, fields: Fields = []): Promise<Answer> =>
  send(path, { method: "POST", body: new URLSearchParams(fields.map(([name, value]) => [name, value])) });

export const swarm = (fields: Fields): Promise<Answer> => post("swarm", fields);
export const stop = (): Promise<Answer> => post("stop");
export const reset = (): Promise<Answer> => post("stats/reset");
export const pause = (): Promise<Answer> => post("pause");
export const resume = (): Promise<Answer> => post("resume");
export const mark = (text: string): Promise<Answer> => post("mark", [["text", text]]);
export const changeUser = (settings: object): Promise<Answer> =>
  send("user", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(settings) });
export const remove = (path: string): Promise<Answer> => send(path, { method: "DELETE" });

/** JSON of a GET, or null if there is none. */
export async function get<T>(path: string): Promise<T | null> {
  try {
    const response = await fetch(path, { credentials: "same-origin", headers: { Accept: "application/json" } });
    if (!response.ok || !(response.headers.get("content-type") ?? "").includes("json")) return null;
    return (await response.json()) as T;
  } catch {
    return null;
  }
}
