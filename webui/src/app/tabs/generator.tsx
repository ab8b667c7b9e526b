// Workers, and how the generator itself is doing: figures, requests in flight with their age, users by class.
import type { JSX } from "preact";
import { phaseName, Tiles } from "../../components/details.tsx";
import { Table } from "../../components/table.tsx";
import type { Column } from "../../components/table_rows.ts";
import type { InFlight, Worker } from "../../generated/stream.ts";
import { bytes, count, duration, figure, percent } from "../../model/format.ts";
import { status } from "../state.ts";

const WORKERS: Column<Worker>[] = [
  { key: "id", title: "Worker", value: (worker) => worker.id },
  { key: "state", title: "State", width: 8, value: (worker) => worker.state },
  {
    key: "users",
    title: "Users",
    numeric: true,
    width: 7,
    value: (worker) => worker.user_count,
    cell: (worker) => count(worker.user_count),
  },
  {
    key: "cpu",
    title: "CPU",
    numeric: true,
    width: 7,
    value: (worker) => worker.cpu_usage,
    cell: (worker) => <span class={worker.cpu_usage > 90 ? "bad" : undefined}>{figure(worker.cpu_usage)} %</span>,
  },
  {
    key: "memory",
    title: "Memory",
    numeric: true,
    width: 8,
    value: (worker) => worker.memory_usage,
    cell: (worker) => bytes(worker.memory_usage),
  },
  {
    key: "lag",
    title: "Lag",
    hint: "How late the worker’s own loop is",
    numeric: true,
    width: 7,
    value: (worker) => worker.lag_ms,
    cell: (worker) => <span class={(worker.lag_ms ?? 0) > LATE_MS ? "bad" : undefined}>{duration(worker.lag_ms)}</span>,
  },
];

/** As the generator's own verdict counts an answer as late. */
const LATE_MS = 50;

const IN_FLIGHT: Column<InFlight>[] = [
  {
    key: "name",
    title: "Name",
    value: (request) => request.name,
    cell: (request) => (
      <>
        <span class="method">{request.method}</span>
        {request.name}
      </>
    ),
  },
  {
    key: "phase",
    title: "Now",
    hint: "What the request is at",
    width: 12,
    value: (request) => phaseName(request.phase),
  },
  { key: "user", title: "User class", width: 10, value: (request) => request.user_class },
  {
    key: "age",
    title: "Age",
    hint: "How long it has been without an answer",
    numeric: true,
    width: 9,
    value: (request) => request.age_seconds,
    cell: (request) => duration(request.age_seconds * 1000),
  },
];

export function Workers(): JSX.Element {
  const {
    workers,
    is_distributed: distributed,
    generator,
    in_flight: inFlight,
    users_by_class: classes,
  } = status.value;
  return (
    <div class="stack">
      {distributed && (
        <Table
          label="Workers"
          noun="worker"
          columns={WORKERS}
          rows={workers}
          rowKey={(worker) => worker.id}
          sort={{ key: "id", down: false }}
          empty="No worker yet."
        />
      )}
      <section class="stack" aria-label="Generator">
        <h2>{distributed ? "This process" : "The generator"}</h2>
        {generator.verdict !== "" && (
          <p class={generator.level === "ok" ? "notice" : "notice warn"}>{generator.verdict}</p>
        )}
        <Tiles
          tiles={[
            { label: "CPU", value: `${figure(generator.cpu_percent)} %`, note: "of one core" },
            { label: "Memory", value: bytes(generator.memory_bytes) },
            { label: "Python waits", value: duration(generator.wait_ms), note: "lately" },
            { label: "Longest wait", value: duration(generator.wait_max_ms) },
            {
              label: "Late answers",
              value: percent(generator.late_share),
              note: "over 50 ms",
              bad: generator.late_share > 0.01,
            },
            { label: "Requests started", value: count(generator.started) },
            { label: "Cut off", value: count(generator.aborted) },
          ]}
        />
      </section>
      {classes.length > 0 && (
        <section class="stack" aria-label="Users by class">
          <h2>Users by class</h2>
          <Tiles short tiles={classes.map(([name, users]) => ({ label: name, value: count(users) }))} />
        </section>
      )}
      <section class="stack" aria-label="In flight">
        <h2>
          In flight <span class="muted">{count(generator.in_flight)}</span>
        </h2>
        <p class="muted small">
          The oldest requests that have no answer yet, once they are a second or two old; they are in no other figure.
        </p>
        {inFlight.length > 0 && (
          <Table
            label="Requests in flight"
            noun="request"
            columns={IN_FLIGHT}
            rows={inFlight}
            rowKey={(request) => `${request.method} ${request.name} ${request.user_class} ${request.age_seconds}`}
            sort={{ key: "age", down: true }}
          />
        )}
      </section>
    </div>
  );
}
