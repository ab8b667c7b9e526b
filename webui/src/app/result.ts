// What the stream does not carry: samples of failures, phases, the past of single names. Fetched when a tab wants it, and again
// while one looks, the more seldom the longer it takes.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ResultFile } from "../generated/result.ts";
import { fromResult, rowKey } from "../model/from_result.ts";
import type { Failure, Run, Sample } from "../model/run.ts";
import { readData } from "../report/data.ts";
import { drawSoon, live, phase, status } from "./state.ts";

const EVERY_MS = 5_000;

/** The newest that was fetched; of this test, or null. */
export const detailed = signal<Run | null>(null);
let asked: Promise<void> | null = null;

/** Those who want it at the same time share one answer. */
function fetchResult(): Promise<void> {
  asked ??= take().finally(() => {
    asked = null;
  });
  return asked;
}

async function take(): Promise<void> {
  try {
    const response = await fetch("stats/result", { credentials: "same-origin" });
    if (response.ok) detailed.value = fromResult((await readData(await response.text())) satisfies ResultFile);
  } catch {
    // Without them the tab says that there are none; the connection's state is told elsewhere.
  }
}

/** With more names their past is not worth asking for: the sparklines begin when the page is opened. */
const MOST_WITH_PAST = 1_000;

/** Fills the sparklines, once after each snapshot and once when the run is over. */
export function usePast(): void {
  const over = phase.value === "stopped";
  const wanted = live.rows.length > 0 && live.rows.length <= MOST_WITH_PAST;
  const { snapshots } = live;
  useEffect(() => {
    if (!wanted) return;
    let here = true;
    void fetchResult().then(() => {
      if (!here || detailed.value === null || live.snapshots !== snapshots) return;
      live.past(detailed.value.history);
      drawSoon();
    });
    return () => {
      here = false;
    };
  }, [wanted, over, snapshots]);
}

/** Keeps `detailed` fresh while the component is there, if it wants that. */
export function useDetails(wanted = true): Run | null {
  const [state, run, started] = [phase.value, status.value.run, status.value.started];
  useEffect(() => {
    if (!wanted) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let here = true;
    const look = async () => {
      const began = performance.now();
      if (!document.hidden) await fetchResult();
      const took = performance.now() - began;
      if (here && state === "running") timer = setTimeout(look, Math.max(EVERY_MS, 20 * took));
    };
    void look();
    return () => {
      here = false;
      clearTimeout(timer);
    };
  }, [wanted, state, run, started]);
  return detailed.value;
}

/** The failures of the stream with the exchanges that were kept of them. */
export function withSamples(failures: readonly Failure[], details: Run | null): readonly Failure[] {
  const samples = new Map<string, readonly Sample[]>(details?.failures.map((each) => [failureKey(each), each.samples]));
  return failures.map((failure) => ({ ...failure, samples: samples.get(failureKey(failure)) ?? failure.samples }));
}

const failureKey = ({ method, name, error }: Failure): string => `${rowKey(method, name)}\u0000${error}`;
