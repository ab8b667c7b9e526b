// The past of chosen names: the stream tells of a name from when it is chosen; what was before is in the result. Pure.
import type { History, Numbers, Track } from "./run.ts";

/** The history with the gaps before a name was chosen filled from the other one, where that knows the name. */
export function withPast(history: History, past: History | null): History {
  if (past === null || history.names.size === 0) return history;
  const names = new Map<string, Track>();
  for (const [key, track] of history.names) {
    const known = past.names.get(key);
    names.set(key, known === undefined ? track : filled(history.times, track, past.times, known));
  }
  return { ...history, names };
}

function filled(times: readonly number[], track: Track, pastTimes: readonly number[], past: Track): Track {
  const first = track.rps.findIndex((value) => value !== null);
  const until = first < 0 ? times.length : first;
  const places = placesOf(times.slice(0, until), pastTimes);
  const fill = (values: Numbers, from: Numbers | undefined): Numbers =>
    values.map((value, at) => (at < until ? (from?.[places[at] ?? -1] ?? null) : value));
  return {
    rps: fill(track.rps, past.rps),
    failures: fill(track.failures, past.failures),
    percentiles: Object.fromEntries(
      Object.entries(track.percentiles).map(([share, values]) => [share, fill(values, past.percentiles[share])]),
    ),
  };
}

/** For each time the window of the past in which it lies, or -1. Both ascend. */
function placesOf(times: readonly number[], pastTimes: readonly number[]): number[] {
  let place = -1;
  return times.map((time) => {
    while (place + 1 < pastTimes.length && (pastTimes[place + 1] ?? 0) <= time) place += 1;
    return place;
  });
}
