// Light or dark: what the page was made with, else what the person chose, else what the system says. Kept in localStorage
// where there is one.
import { effect, signal } from "@preact/signals";

export type Theme = "light" | "dark";

const KEY = "gregaria.theme";
const system = typeof matchMedia === "function" ? matchMedia("(prefers-color-scheme: dark)") : null;

const made = document.documentElement.dataset.theme;
const given = made === "dark" || made === "light" ? made : null;

export const theme = signal<Theme>(given ?? stored() ?? (system?.matches ? "dark" : "light"));

system?.addEventListener("change", (event) => {
  if (given === null && stored() === null) theme.value = event.matches ? "dark" : "light";
});

effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, theme.value);
  } catch {
    // A report opened from a file may have no storage.
  }
}

function stored(): Theme | null {
  try {
    const value = localStorage.getItem(KEY);
    return value === "dark" || value === "light" ? value : null;
  } catch {
    return null;
  }
}

/** The colour that a custom property of the style sheet has now. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim() || "#888";
}

/** Colours for lines, in order; the style sheet has them for both themes. */
export const PALETTE = ["c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8"] as const;
export const lineColour = (index: number): string => PALETTE[index % PALETTE.length] ?? "c1";
