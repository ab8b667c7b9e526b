// The keyboard: what is shown in the help, and which key it is.

export interface Shortcut {
  readonly shown: string;
  readonly words: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { shown: "1 … 9", words: "Open a tab" },
  { shown: "/", words: "Filter" },
  { shown: "N", words: "New test" },
  { shown: "E", words: "Change users and ramp" },
  { shown: "P", words: "Pause or resume" },
  { shown: "Shift S", words: "Stop the test" },
  { shown: "Shift R", words: "Reset the statistics" },
  { shown: "M", words: "Write a note into the charts" },
  { shown: "T", words: "Light or dark" },
  { shown: "?", words: "This list" },
  { shown: "Esc", words: "Close" },
];

/** What a key press means, or null: typing, and keys with Ctrl, Alt or Meta, are nobody's business. */
export function meaning(
  event: Pick<KeyboardEvent, "key" | "ctrlKey" | "altKey" | "metaKey" | "target">,
): string | null {
  if (event.ctrlKey || event.altKey || event.metaKey) return null;
  const target = event.target as { readonly tagName?: string; readonly isContentEditable?: boolean } | null;
  if (target?.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target?.tagName ?? "")) return null;
  if (/^[1-9]$/.test(event.key)) return `tab ${event.key}`;
  const known: Record<string, string> = {
    "/": "filter",
    n: "new",
    e: "edit",
    p: "pause",
    S: "stop",
    R: "reset",
    m: "mark",
    t: "theme",
    "?": "help",
  };
  return known[event.key] ?? null;
}
