// The data in the report: JSON as it is, or base64 of that JSON gzipped, for which the browser has its own unpacking.
import type { ResultFile } from "../generated/result.ts";

export async function readData(text: string): Promise<ResultFile> {
  const trimmed = text.trim();
  if (trimmed === "" || trimmed.startsWith("__"))
    throw new Error("This is the empty template of a report: no data are in it.");
  const json = trimmed.startsWith("{") ? trimmed : await unpacked(trimmed);
  const result = JSON.parse(json) as ResultFile;
  if (result.format !== "gregaria-result") throw new Error("The data in this report are no result of Gregaria.");
  return result;
}

async function unpacked(base64: string): Promise<string> {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}
