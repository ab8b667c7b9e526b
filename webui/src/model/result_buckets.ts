// The buckets of result files, as crates/stats makes them (histogram.rs and history/digest.rs). Pure.

const SUB_BUCKET_BITS = 10;

/** The response time in microseconds that stands for a bucket: the one in it with the most zeros at its end. */
export function bucketValueUs(index: number): number {
  const shift = Math.max(0, (index >> SUB_BUCKET_BITS) - 1);
  const low = (index - (shift << SUB_BUCKET_BITS)) * 2 ** shift;
  const high = low + 2 ** shift - 1;
  for (let step = 1e12; step >= 1; step /= 10) {
    const candidate = Math.floor(high / step) * step;
    if (candidate >= low) return candidate;
  }
  return low;
}

/** Lower and upper bound in microseconds of a class of the heat map. */
export function heatBoundsUs(heatClass: number): readonly [number, number] {
  const low = (each: number) => {
    const shift = Math.max(0, (each >> 3) - 1);
    return (each - (shift << 3)) * 2 ** (shift + 4);
  };
  return [low(heatClass), low(heatClass + 1)];
}
