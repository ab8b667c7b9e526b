// Where the words of marks stand in a chart. Pure.

interface LabelPlace {
  readonly x: number;
  /** The label stands left of its line, since there is no room on the right. */
  readonly leftwards: boolean;
  readonly row: number;
}

const LABEL_ROWS = 4;

/** Where labels at these places, so wide, stand without covering each other; null outside of the chart. Ascending places. */
export function labelPlaces(
  labels: readonly (readonly [number, number])[],
  [left, right]: readonly [number, number],
  gap: number,
): (LabelPlace | null)[] {
  const ends = Array<number>(LABEL_ROWS).fill(Number.NEGATIVE_INFINITY);
  return labels.map(([x, width]) => {
    if (x < left - 1 || x > right + 1) return null;
    if (width === 0) return { x, leftwards: false, row: 0 };
    const leftwards = x + gap + width > right && x - gap - width >= left;
    const from = leftwards ? x - gap - width : x;
    const free = ends.findIndex((end) => end <= from);
    const row = free < 0 ? LABEL_ROWS - 1 : free;
    ends[row] = leftwards ? x : x + gap + width;
    return { x, leftwards, row };
  });
}
