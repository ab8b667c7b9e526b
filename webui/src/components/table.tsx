// The one table of page and report: sort, filter, group, chosen columns, pinned row, and only the rows in view in the DOM.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { count, plural } from "../model/format.ts";
import { ColumnChooser } from "./column_chooser.tsx";
import {
  type Column,
  type Group,
  grouped,
  type Item,
  inView,
  matcher,
  nextSort,
  type Sort,
  sortOrder,
} from "./table_rows.ts";

const ROW_HEIGHT = 34;
const ALL_DRAWN = 120;
const PRINTED = 1000;

export interface TableProps<R> {
  readonly label: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  readonly rowKey: (row: R) => string;
  readonly pinned?: R | undefined;
  readonly sort?: Sort;
  /** What the filter looks at; no filter without it. */
  readonly text?: (row: R) => string;
  readonly groups?: readonly { readonly title: string; readonly of: (row: R) => string }[];
  readonly groupCells?: (column: Column<R>, group: Group<R>) => ComponentChildren;
  readonly selected?: ReadonlySet<string>;
  readonly onSelect?: (row: R) => void;
  readonly onOpen?: (row: R) => void;
  readonly empty?: string;
  readonly tools?: ComponentChildren;
  readonly filterId?: string;
  /** What a row is, for the number of them. */
  readonly noun?: string;
  /** Nothing above it: neither filter nor number nor columns to choose. */
  readonly plain?: boolean;
}

export function Table<R>(props: TableProps<R>): JSX.Element {
  const [sort, setSort] = useState<Sort | null>(props.sort ?? null);
  const [query, setQuery] = useState("");
  const [shown, setShown] = useState<ReadonlySet<string> | null>(null);
  const [groupBy, setGroupBy] = useState(-1);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());

  const columns = props.columns.filter((column) => (shown === null ? column.optional !== true : shown.has(column.key)));
  const { rows, text } = props;
  const order = sort ?? props.sort ?? null;
  const places = useRef<readonly number[]>([]);
  const sorted = useMemo(() => {
    const column = props.columns.find((each) => each.key === order?.key);
    places.current = sortOrder(rows, column, order?.down ?? false, places.current);
    return places.current.map((place) => rows[place] as R);
  }, [rows, order?.key, order?.down, props.columns]);
  const found = useMemo(() => {
    if (text === undefined || query.trim() === "") return sorted;
    const fits = matcher(query);
    return sorted.filter((row) => fits(text(row)));
  }, [sorted, query, text]);
  const groupOf = props.groups?.[groupBy]?.of;
  const items = useMemo<Item<R>[]>(
    () => (groupOf === undefined ? found.map((row) => ({ row })) : grouped(found, groupOf, closed)),
    [found, groupOf, closed],
  );
  const toggleGroup = (name: string) => {
    const next = new Set(closed);
    if (!next.delete(name)) next.add(name);
    setClosed(next);
  };

  return (
    <div class="table">
      {props.plain !== true && (
        <div class="table-tools">
          {text !== undefined && (
            <input
              type="search"
              class="field filter"
              id={props.filterId}
              placeholder="Filter: words, -without"
              aria-label={`Filter ${props.label}`}
              value={query}
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
          )}
          {props.groups !== undefined && (
            <select
              class="field"
              aria-label="Group rows"
              value={groupBy}
              onChange={(event) => {
                setGroupBy(Number(event.currentTarget.value));
                setClosed(new Set());
              }}
            >
              <option value={-1}>No groups</option>
              {props.groups.map((group, index) => (
                <option key={group.title} value={index}>
                  By {group.title}
                </option>
              ))}
            </select>
          )}
          <span class="muted small" aria-live="polite">
            {found.length === rows.length ? "" : `${count(found.length)} of `}
            {plural(rows.length, props.noun ?? "row")}
          </span>
          <span class="grow" />
          {props.tools}
          <ColumnChooser columns={props.columns} shown={columns} onChange={setShown} />
        </div>
      )}
      <Body
        {...props}
        columns={columns}
        items={items}
        order={order}
        onSort={(column) => setSort(nextSort(order, column))}
        closed={closed}
        onGroup={toggleGroup}
      />
    </div>
  );
}

interface BodyProps<R> extends TableProps<R> {
  readonly items: readonly Item<R>[];
  readonly order: Sort | null;
  readonly onSort: (column: Column<R>) => void;
  readonly closed: ReadonlySet<string>;
  readonly onGroup: (name: string) => void;
}

function Body<R>(props: BodyProps<R>): JSX.Element {
  const { items, columns } = props;
  const box = useRef<HTMLElement>(null);
  const { window: view, onScroll } = useWindow(box, items.length);
  const filler = (rows: number, key: string) =>
    rows > 0 && (
      <tr key={key} class="filler">
        <td colSpan={columns.length} style={{ height: `${rows * ROW_HEIGHT}px` }} />
      </tr>
    );
  const narrowest = columns.reduce((sum, column) => sum + (column.width ?? 13), 0);

  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable with the keyboard
    <section class="table-scroll" ref={box} onScroll={onScroll} tabIndex={0} aria-label={props.label}>
      <table aria-rowcount={items.length + 1} style={{ "--least": `${narrowest}rem` }}>
        <colgroup>
          {columns.map((column) => (
            <col
              key={column.key}
              style={column.width === undefined ? undefined : { "--width": `${column.width}rem` }}
            />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.key} column={column} order={props.order} onSort={props.onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          {filler(view.first, "above")}
          {items
            .slice(view.first, view.last)
            .map((item, index) =>
              "group" in item ? (
                <GroupRow key={`g ${item.group.name}`} group={item.group} {...props} />
              ) : (
                <DataRow key={props.rowKey(item.row)} row={item.row} index={view.first + index} {...props} />
              ),
            )}
          {filler(items.length - view.last, "below")}
        </tbody>
        {props.pinned !== undefined && items.length > 0 && (
          <tfoot>
            <DataRow row={props.pinned} index={items.length} {...props} />
          </tfoot>
        )}
      </table>
      {items.length === 0 && <p class="empty">{props.empty ?? "Nothing yet."}</p>}
    </section>
  );
}

/** Which rows to draw: all of a short table, those in view of a long one, and as many as paper bears when printing. */
function useWindow(box: { current: HTMLElement | null }, amount: number) {
  const [scrolled, setScrolled] = useState(0);
  const [height, setHeight] = useState(600);
  const [printing, setPrinting] = useState(false);
  useLayoutEffect(() => {
    if (box.current !== null) setHeight(box.current.clientHeight || 600);
  }, [amount > ALL_DRAWN, box]);
  useEffect(() => {
    const before = () => setPrinting(true);
    const after = () => setPrinting(false);
    addEventListener("beforeprint", before);
    addEventListener("afterprint", after);
    return () => {
      removeEventListener("beforeprint", before);
      removeEventListener("afterprint", after);
    };
  }, []);
  const whole = printing ? PRINTED : ALL_DRAWN;
  const window =
    amount <= whole || printing
      ? { first: 0, last: Math.min(amount, whole) }
      : inView(amount, scrolled, height, ROW_HEIGHT);
  const onScroll = (event: Event & { readonly currentTarget: HTMLElement }) => {
    const top = event.currentTarget.scrollTop;
    // One redraw for each row passed, not for each pixel.
    if (Math.abs(top - scrolled) >= ROW_HEIGHT || top === 0) setScrolled(top);
  };
  return { window, onScroll };
}

function Heading<R>({
  column,
  order,
  onSort,
}: {
  column: Column<R>;
  order: Sort | null;
  onSort: (column: Column<R>) => void;
}) {
  const mine = order?.key === column.key;
  const direction = mine ? (order.down ? "descending" : "ascending") : "none";
  return (
    <th scope="col" class={column.numeric ? "numeric" : undefined} aria-sort={direction} title={column.hint}>
      <button type="button" onClick={() => onSort(column)}>
        {column.title}
        <span class="arrow" aria-hidden="true">
          {mine ? (order.down ? "▾" : "▴") : ""}
        </span>
      </button>
    </th>
  );
}

function DataRow<R>({ row, index, columns, ...props }: BodyProps<R> & { row: R; index: number }) {
  const key = props.rowKey(row);
  const chosen = props.selected?.has(key) ?? false;
  const act = props.onOpen ?? props.onSelect;
  return (
    <tr class={chosen ? "chosen" : undefined} aria-rowindex={index + 2}>
      {columns.map((column, at) => {
        const cell = column.cell?.(row) ?? column.value(row);
        const title = column.numeric ? undefined : String(column.value(row) ?? "");
        return (
          <td key={column.key} class={column.numeric ? "numeric" : "text"} title={title}>
            {at === 0 && act !== undefined ? (
              <button
                type="button"
                class="open"
                aria-pressed={props.selected === undefined ? undefined : chosen}
                onClick={() => act(row)}
              >
                {cell}
              </button>
            ) : (
              cell
            )}
          </td>
        );
      })}
    </tr>
  );
}

function GroupRow<R>({ group, columns, closed, onGroup, groupCells }: BodyProps<R> & { group: Group<R> }) {
  const open = !closed.has(group.name);
  return (
    <tr class="group">
      {columns.map((column, at) =>
        at === 0 ? (
          <th key={column.key} scope="rowgroup" class="text">
            <button type="button" class="open" aria-expanded={open} onClick={() => onGroup(group.name)}>
              <span aria-hidden="true">{open ? "▾" : "▸"}</span> {group.name || "(none)"}{" "}
              <span class="muted">{count(group.rows.length)}</span>
            </button>
          </th>
        ) : (
          <td key={column.key} class={column.numeric ? "numeric" : "text"}>
            {groupCells?.(column, group)}
          </td>
        ),
      )}
    </tr>
  );
}
