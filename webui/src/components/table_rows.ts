// What a table shows, worked out without a DOM: filter, sort, group, and which rows are in view. Pure.
import type { ComponentChildren } from "preact";

export type Cell = string | number | null;

export interface Column<R> {
  readonly key: string;
  readonly title: string;
  /** What the title means, shown when the pointer rests on it. */
  readonly hint?: string;
  readonly numeric?: boolean;
  /** Shown only when chosen. */
  readonly optional?: boolean;
  /** In rem; columns without one share what is left. */
  readonly width?: number;
  readonly value: (row: R) => Cell;
  readonly cell?: (row: R) => ComponentChildren;
}

export interface Sort {
  readonly key: string;
  readonly down: boolean;
}

export interface Group<R> {
  readonly name: string;
  readonly rows: readonly R[];
}

export type Item<R> = { readonly group: Group<R> } | { readonly row: R };

/** Numbers by size, texts by their words with numbers in them by size; nothing comes last either way. */
export function compareCells(a: Cell, b: Cell, down: boolean): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  const order = typeof a === "number" && typeof b === "number" ? a - b : COLLATOR.compare(String(a), String(b));
  return down ? -order : order;
}

const COLLATOR = new Intl.Collator("en", { numeric: true });

/** Places of the rows in their order. Beginning with the order before costs one pass where little has changed, and rows
 * that are equal stay as they were. */
export function sortOrder<R>(
  rows: readonly R[],
  column: Column<R> | undefined,
  down: boolean,
  before: readonly number[] = [],
): number[] {
  const order = before.filter((place) => place < rows.length);
  for (let place = order.length; place < rows.length; place += 1) order.push(place);
  if (column === undefined) return order.sort((a, b) => a - b);
  const cells = rows.map((row) => column.value(row));
  return order.sort((a, b) => compareCells(cells[a] ?? null, cells[b] ?? null, down));
}

/** Every word has to be in the text; `-word` must not be. Case does not matter. */
export function matcher(query: string): (text: string) => boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return () => true;
  return (text) => {
    const lower = text.toLowerCase();
    return words.every((word) =>
      word.length > 1 && word.startsWith("-") ? !lower.includes(word.slice(1)) : lower.includes(word),
    );
  };
}

/** First click ascending for texts and descending for numbers, second the other way, third as it was. */
export function nextSort<R>(now: Sort | null, column: Column<R>): Sort | null {
  const first = column.numeric === true;
  if (now?.key !== column.key) return { key: column.key, down: first };
  return now.down === first ? { key: column.key, down: !first } : null;
}

/** Rows under the headings of their groups, in the order in which the rows first name them; closed groups have no rows. */
export function grouped<R>(rows: readonly R[], groupOf: (row: R) => string, closed: ReadonlySet<string>): Item<R>[] {
  const groups = new Map<string, R[]>();
  for (const row of rows) {
    const name = groupOf(row);
    const members = groups.get(name);
    if (members === undefined) groups.set(name, [row]);
    else members.push(row);
  }
  const items: Item<R>[] = [];
  for (const [name, members] of groups) {
    items.push({ group: { name, rows: members } });
    if (!closed.has(name)) for (const row of members) items.push({ row });
  }
  return items;
}

export interface Window {
  readonly first: number;
  readonly last: number;
}

/** The rows to draw, a few more than are in view. */
export function inView(amount: number, scrolled: number, height: number, rowHeight: number, margin = 8): Window {
  const most = Math.max(0, amount - Math.ceil(height / rowHeight));
  const top = Math.min(Math.floor(scrolled / rowHeight), most);
  return {
    first: Math.max(0, top - margin),
    last: Math.min(amount, top + Math.ceil(height / rowHeight) + margin + 1),
  };
}
