// What the buttons and the keyboard do.
import * as api from "./api.ts";
import { busy, dialog, phase, readOnly, status, tell } from "./state.ts";

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
export const togglePause = (): Promise<boolean> =>
  status.value.paused ? order("pause", api.resume, "") : order("pause", api.pause, "");
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
