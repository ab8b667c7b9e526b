// Which names are drawn beside the total: chosen in the table, shown as chips, at most as many as there are colours.
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import type { Row } from "../model/run.ts";
import { lineColour, PALETTE } from "../model/theme.ts";

export interface Chosen {
  readonly key: string;
  readonly label: string;
}

export const MOST_CHOSEN = PALETTE.length - 1;

export function useChosen(rows: readonly Row[]) {
  const [keys, setKeys] = useState<ReadonlySet<string>>(new Set());
  const byKey = useMemo(() => new Map(rows.map((row) => [row.key, row])), [rows]);
  const signature = [...keys].filter((key) => byKey.has(key)).join("\u0001");
  // The same list as before while the choice is the same, so that charts are not drawn anew with every update.
  const chosen = useMemo<Chosen[]>(
    () =>
      (signature === "" ? [] : signature.split("\u0001")).map((key) => ({
        key,
        label: key.replace("\u0000", " ").trim(),
      })),
    [signature],
  );
  const toggle = ({ key }: { readonly key: string }) => {
    const next = new Set(keys);
    if (!next.delete(key)) next.add(key);
    const [oldest] = next;
    if (next.size > MOST_CHOSEN && oldest !== undefined) next.delete(oldest);
    setKeys(next);
  };
  return { chosen, keys, toggle, clear: () => setKeys(new Set()) };
}

interface Props {
  readonly chosen: readonly Chosen[];
  readonly onRemove: (chosen: Chosen) => void;
  readonly onClear: () => void;
}

export function NameChips({ chosen, onRemove, onClear }: Props): JSX.Element | null {
  if (chosen.length === 0) return null;
  return (
    <div class="names">
      {chosen.map((each, at) => (
        <span key={each.key} class="chip">
          <span>
            <span
              class="swatch"
              style={{ display: "inline-block", verticalAlign: "middle", "--swatch": `var(--${lineColour(at + 1)})` }}
            />{" "}
            {each.label}
          </span>
          <button type="button" aria-label={`Remove ${each.label} from the charts`} onClick={() => onRemove(each)}>
            ×
          </button>
        </span>
      ))}
      <button type="button" class="button plain small" onClick={onClear}>
        Only the total
      </button>
    </div>
  );
}
