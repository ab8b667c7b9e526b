// The page's state: the live run (drawn anew when `version` moves), the connection, which tab is open, and messages.
// A page that is not looked at takes updates in, but draws nothing.
import { batch, computed, signal } from "@preact/signals";
import type * as stream from "../generated/stream.ts";
import { Live } from "../model/live.ts";
import { args } from "./arguments.ts";

export const live = new Live();
export const version = signal(0);
export const connection = signal<"connecting" | "live" | "silent" | "lost" | "logged out">("connecting");
export const silentSeconds = signal(0);
export const notice = signal<{ readonly text: string; readonly bad: boolean } | null>(null);
export const dialog = signal<"" | "start" | "edit" | "help" | "mark">("");
export const busy = signal("");
export const pausable = signal(true);
/** Names drawn beside the total. */
export const chosen = signal<ReadonlySet<string>>(new Set());
/** Lines of the log that were there when its tab was last looked at. */
export const logSeen = signal(0);

/** The status; reading it makes a component follow it. */
export const status = computed<stream.Status>(() => {
  version.value;
  return live.status;
});
export const phase = computed<"ready" | "running" | "stopped">(() => {
  const state = status.value.state || args.state || "ready";
  return state === "ready" || state === "missing" ? "ready" : state === "stopped" ? "stopped" : "running";
});
export const readOnly = computed(() => {
  version.value;
  return live.settings.read_only;
});

let pending = false;
export function drawSoon(): void {
  if (document.hidden) {
    pending = true;
    return;
  }
  version.value += 1;
}
document.addEventListener("visibilitychange", () => {
  if (document.hidden || !pending) return;
  pending = false;
  version.value += 1;
});

export function tell(text: string, bad = false): void {
  notice.value = text === "" ? null : { text, bad };
}

export function choose(keys: ReadonlySet<string>): void {
  batch(() => {
    chosen.value = keys;
    live.watch(keys);
    version.value += 1;
  });
}
