// The event stream, from connecting to connecting again. The browser reconnects by itself after a broken connection; after
// a refusal it gives up, and then this tries again, and finds out whether one has to log in.
import type * as messages from "../generated/stream.ts";
import { connection, drawSoon, live, silentSeconds } from "./state.ts";

const AGAIN_MS = 2_000;
let source: EventSource | null = null;

export function connect(): void {
  source?.close();
  const opened = new EventSource("events");
  source = opened;
  opened.addEventListener("snapshot", (event) => {
    live.snapshot(JSON.parse(event.data) as messages.SnapshotMessage);
    silentSeconds.value = 0;
    connection.value = "live";
    drawSoon();
  });
  opened.addEventListener("update", (event) => {
    if (!live.update(JSON.parse(event.data) as messages.UpdateMessage)) {
      connect();
      return;
    }
    silentSeconds.value = 0;
    connection.value = "live";
    drawSoon();
  });
  opened.addEventListener("alive", (event) => {
    silentSeconds.value = (JSON.parse(event.data) as messages.AliveMessage).silent_seconds;
    connection.value = silentSeconds.value > 8 && isRunning() ? "silent" : "live";
  });
  opened.addEventListener("error", () => {
    connection.value = "lost";
    if (opened.readyState === EventSource.CLOSED) void tryAgain();
  });
}

const isRunning = (): boolean => !["", "ready", "stopped", "missing"].includes(live.status.state);

async function tryAgain(): Promise<void> {
  const answer = await fetch("worker-count", { redirect: "manual" }).catch(() => null);
  if (answer !== null && (answer.type === "opaqueredirect" || answer.status === 401)) {
    connection.value = "logged out";
    return;
  }
  setTimeout(connect, AGAIN_MS);
}
