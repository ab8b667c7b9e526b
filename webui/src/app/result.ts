// What the stream does not carry: samples of failures, phases, the past of single names. Fetched when a tab wants it, and again
// while one looks, the more seldom the longer it takes.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ResultFile } from "../generated/result.ts";
import { fromResult, rowKey } from "../model/from_result.ts";
import type { Failure, Run, Sample } from "../model/run.ts";
import { readData } from "../report/data.ts";
import { phase, status } from "./state.ts";

const EVERY_MS = 5_000;

/** The newest that was fetched; of this test, or null. */
export const detailed = signal<Run | null>(null);
let asked = false;

async function fetchResult(): Promise<void> {
  if (asked) return;
  asked = true;
  try {
    const response = await fetch("stats/result", { credentials: "same-origin" });
    if (response.ok) detailed.value = fromResult((await readData(await response.text())) satisfies ResultFile);
  } catch {
    // Without them the tab says that there are none; the connection's state is told elsewhere.
  } finally {
    asked = false;
  }
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
