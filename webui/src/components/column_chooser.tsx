// Which columns a table shows, in a small menu.
import { useRef } from "preact/hooks";
import type { Column } from "./table_rows.ts";

interface Props<R> {
  readonly columns: readonly Column<R>[];
  readonly shown: readonly Column<R>[];
  readonly onChange: (shown: ReadonlySet<string> | null) => void;
}

export function ColumnChooser<R>({ columns, shown, onChange }: Props<R>) {
  const menu = useRef<HTMLDetailsElement>(null);
  if (columns.length < 4) return null;
  const now = new Set(shown.map((column) => column.key));
  const toggle = (key: string) => {
    const next = new Set(now);
    if (!next.delete(key)) next.add(key);
    if (next.size > 0) onChange(next);
  };
  return (
    <details
      class="menu"
      ref={menu}
      onKeyDown={(event) => {
        if (event.key !== "Escape" || menu.current === null) return;
        menu.current.open = false;
        menu.current.querySelector("summary")?.focus();
        event.stopPropagation();
      }}
    >
      <summary class="button">Columns</summary>
      <div class="menu-body">
        {columns.map((column, at) => (
          <label key={column.key} class="check">
            <input
              type="checkbox"
              checked={now.has(column.key)}
              disabled={at === 0}
              onChange={() => toggle(column.key)}
            />
            {column.title}
          </label>
        ))}
        <button type="button" class="button" onClick={() => onChange(null)}>
          As at first
        </button>
      </div>
    </details>
  );
}
