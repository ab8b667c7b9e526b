// Carries out what a key means, if it can be done now.
import { toggleTheme } from "../model/theme.ts";
import { canEdit, reset, stop, togglePause } from "./actions.ts";
import { openTab, shownTabs } from "./app.tsx";
import { meaning } from "./shortcuts.ts";
import { dialog, pausable, phase, readOnly } from "./state.ts";

export function listen(): void {
  addEventListener("keydown", (event) => {
    const meant = meaning(event);
    if (meant === null || dialog.value !== "") return;
    if (act(meant)) event.preventDefault();
  });
}

function act(meant: string): boolean {
  const running = phase.value === "running" && !readOnly.value;
  switch (meant) {
    case "filter":
      return focus("[id^=filter-]");
    case "new":
      if (phase.value === "stopped" && !readOnly.value) dialog.value = "start";
      return true;
    case "edit":
      if (canEdit()) dialog.value = "edit";
      return true;
    case "pause":
      if (running && pausable.value) void togglePause();
      return true;
    case "stop":
      if (running) void stop();
      return true;
    case "reset":
      if (phase.value !== "ready" && !readOnly.value) void reset();
      return true;
    case "mark":
      if (running) {
        openTab("charts");
        requestAnimationFrame(() => focus("#mark"));
      }
      return true;
    case "theme":
      toggleTheme();
      return true;
    case "help":
      dialog.value = "help";
      return true;
    default: {
      const at = Number(meant.slice(4)) - 1;
      const wanted = shownTabs()[at];
      if (wanted !== undefined) openTab(wanted.key);
      return wanted !== undefined;
    }
  }
}

function focus(selector: string): boolean {
  const element = document.querySelector<HTMLElement>(selector);
  element?.focus();
  return element !== null;
}
