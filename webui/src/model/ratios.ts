// Shares of user classes and tasks: as planned by weights, and as they came about. Pure.
import type { Ratio } from "./run.ts";

/** A table as `/tasks` gives it: class or task to its share; with counts, of what has really run. */
interface Shares {
  readonly [name: string]: { readonly ratio?: number | null; readonly count?: number; readonly tasks?: unknown };
}

const isTable = (value: unknown): value is Shares => typeof value === "object" && value !== null;

export function ratios(table: unknown): Ratio[] {
  if (!isTable(table)) return [];
  return Object.entries(table).map(([name, { ratio, tasks }]) => ({
    name,
    planned: ratio ?? 0,
    children: ratios(tasks),
  }));
}

/** With the shares of everything that came about. */
export function withActual(planned: readonly Ratio[], actual: unknown): Ratio[] {
  const known = isTable(actual) ? actual : {};
  return planned.map((ratio) => ({
    ...ratio,
    actual: known[ratio.name]?.ratio ?? null,
    children: withActual(ratio.children, known[ratio.name]?.tasks),
  }));
}

/** With the shares within each class that came about: of all tasks that its users began. */
export function withActualOfClass(planned: readonly Ratio[], actual: unknown): Ratio[] {
  const known = isTable(actual) ? actual : {};
  return planned.map((ratio) => {
    const tasks = known[ratio.name]?.tasks;
    const all = isTable(tasks) ? Object.values(tasks).reduce((sum, { count = 0 }) => sum + count, 0) : 0;
    return { ...ratio, children: sharesOf(ratio.children, tasks, all) };
  });
}

function sharesOf(planned: readonly Ratio[], tasks: unknown, all: number): Ratio[] {
  const known = isTable(tasks) ? tasks : {};
  return planned.map((ratio) => {
    const { count, tasks: inner } = known[ratio.name] ?? {};
    return {
      ...ratio,
      actual: count === undefined || all === 0 ? null : count / all,
      children: sharesOf(ratio.children, inner, all),
    };
  });
}

/** Whether anything is known of what came about. */
export const anyActual = (all: readonly Ratio[]): boolean =>
  all.some(({ actual, children }) => actual != null || anyActual(children));
