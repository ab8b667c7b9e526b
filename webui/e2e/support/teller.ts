// The built page with an event stream that a test leads: as many names and as long a run as it likes, and no run behind it.
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TemplateArguments } from "../../src/app/arguments.ts";
import type { SnapshotMessage, UpdateMessage } from "../../src/generated/stream.ts";

export interface Teller {
  readonly url: string;
  /** To every page that is open. */
  tell(update: UpdateMessage): void;
  stop(): Promise<void>;
}

const TYPES: Record<string, string> = {
  html: "text/html",
  js: "text/javascript",
  css: "text/css",
  svg: "image/svg+xml",
};

/** What else the server answers: JSON for "GET runs", or undefined. */
export type Answers = (order: string) => unknown;

export async function teller(
  begin: () => SnapshotMessage,
  answers: Answers = () => undefined,
  args: TemplateArguments = {},
): Promise<Teller> {
  const data = `<script type="application/json" id="template-args">${JSON.stringify(args)}</script>`;
  const open = new Set<ServerResponse>();
  const message = (event: string, data: unknown) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
  const server = createServer((request, response) => {
    const path = (request.url ?? "/").split("?")[0]?.slice(1) || "index.html";
    if (path === "events") {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(message("snapshot", begin()));
      open.add(response);
      response.on("close", () => open.delete(response));
      return;
    }
    const answer = answers(`${request.method} ${path}`);
    if (answer !== undefined) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
      return;
    }
    try {
      const file = readFileSync(new URL(`../../dist/app/${path}`, import.meta.url));
      response.writeHead(200, { "content-type": TYPES[path.split(".").at(-1) ?? ""] ?? "application/octet-stream" });
      response.end(path === "index.html" ? file.toString().replace("</body>", () => `${data}</body>`) : file);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    tell: (update) => {
      for (const response of open) response.write(message("update", update));
    },
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
