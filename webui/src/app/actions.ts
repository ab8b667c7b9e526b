// What the buttons and the keyboard do.
import * as api from "./api.ts";
import { busy, dialog, pausable, phase, readOnly, status, tell } from "./state.ts";

async function order(name: string, send: () => Promise<api.Answer>, done: string): Promise<boolean> {
  if (busy.value !== "" || readOnly.value) return false;
  busy.value = name;
  tell("");
  const answer = await send();
  busy.value = "";
  tell(answer.ok ? done : answer.message || "That did not work.", !answer.ok);
  return answer.ok;
}

export const canEdit = (): boolean => phase.value === "running" && !readOnly.value && !status.value.shape;

export const stop = (): Promise<boolean> => order("stop", api.stop, "");
export const reset = (): Promise<boolean> => order("reset", api.reset, "Statistics were reset.");

/** A server that cannot pause says so once, and the button goes. */
export async function togglePause(): Promise<boolean> {
  const send = status.value.paused ? api.resume : api.pause;
  return await order(
    "pause",
    async () => {
      const answer = await send();
      if (!answer.missing) return answer;
      pausable.value = false;
      return { ok: false, message: "This server cannot pause a test." };
    },
    "",
  );
}

export const mark = (text: string): Promise<boolean> => order("mark", () => api.mark(text), "Marked in the charts.");

export async function swarm(fields: api.Fields): Promise<api.Answer> {
  if (busy.value !== "") return { ok: false, message: "" };
  busy.value = "swarm";
  const answer = await api.swarm(fields);
  busy.value = "";
  if (answer.ok) {
    dialog.value = "";
    tell("");
  }
  return answer;
}
