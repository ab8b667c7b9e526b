// The page: header, tabs, the open tab, dialogs. Which tab is open stands in the address, as under Locust.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../components/dialog.tsx";
import { args } from "./arguments.ts";
import { Header } from "./header.tsx";
import { SHORTCUTS } from "./shortcuts.ts";
import { StartForm } from "./start_form.tsx";
import { dialog, live, phase, status, version } from "./state.ts";
import { Charts } from "./tabs/charts.tsx";
import { Workers } from "./tabs/generator.tsx";
import { hasUnseenTrouble, Logs } from "./tabs/logs.tsx";
import { hasRuns, Runs } from "./tabs/runs.tsx";
import { Download, ExceptionsTab, ExtendedTab, FailuresTab, PhasesTab, RatiosTab } from "./tabs/simple.tsx";
import { Statistics } from "./tabs/statistics.tsx";

export interface Tab {
  /** As in Locust's `?tab=`. */
  readonly key: string;
  readonly title: string;
  readonly view: () => JSX.Element;
  readonly badge?: () => number;
  readonly alarm?: () => boolean;
  /** Also there before the first test. */
  readonly always?: boolean;
  readonly when?: () => boolean;
}

const TABS: readonly Tab[] = [
  { key: "stats", title: "Statistics", view: Statistics },
  { key: "charts", title: "Charts", view: Charts },
  { key: "failures", title: "Failures", view: FailuresTab, badge: () => live.failures.length },
  { key: "exceptions", title: "Exceptions", view: ExceptionsTab, badge: () => live.exceptions.length },
  { key: "ratios", title: "Ratios", view: RatiosTab },
  { key: "phases", title: "Phases", view: PhasesTab },
  { key: "workers", title: "Workers", view: Workers },
  { key: "logViewer", title: "Logs", view: Logs, alarm: hasUnseenTrouble, always: true },
  { key: "reports", title: "Download", view: Download },
  { key: "runs", title: "Runs", view: Runs, always: true, when: () => hasRuns.value },
  ...(args.extended_tabs ?? []).map(({ key, title }) => ({ key, title, view: () => <ExtendedTab name={key} /> })),
];

export const tab = signal(new URLSearchParams(location.search).get("tab") ?? "");

export function openTab(key: string): void {
  tab.value = key;
  const address = new URL(location.href);
  if (key === "") address.searchParams.delete("tab");
  else address.searchParams.set("tab", key);
  history.replaceState(null, "", address);
}

export function shownTabs(): Tab[] {
  const before = phase.value === "ready";
  return TABS.filter((each) => (!before || each.always) && (each.when?.() ?? true));
}

export function App(): JSX.Element {
  version.value;
  const before = phase.value === "ready";
  const tabs = shownTabs();
  const current = tabs.find((each) => each.key === tab.value) ?? (before ? undefined : tabs[0]);
  const View = current?.view;
  return (
    <>
      <Header />
      <nav class="tabs" aria-label="Sections">
        {before && <TabLink title="New test" chosen={current === undefined} onOpen={() => openTab("")} />}
        {tabs.map((each) => (
          <TabLink
            key={each.key}
            title={each.title}
            chosen={each === current}
            badge={each.badge?.() ?? 0}
            alarm={each !== current && (each.alarm?.() ?? false)}
            onOpen={() => openTab(each.key)}
          />
        ))}
      </nav>
      <main class="content">{View === undefined ? <FirstPage /> : <View key={current?.key} />}</main>
      <Dialogs />
    </>
  );
}

interface TabLinkProps {
  readonly title: string;
  readonly chosen: boolean;
  readonly badge?: number;
  readonly alarm?: boolean;
  readonly onOpen: () => void;
}

function TabLink({ title, chosen, badge = 0, alarm = false, onOpen }: TabLinkProps) {
  const link = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (chosen) link.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [chosen]);
  return (
    <button type="button" class="tab" ref={link} aria-current={chosen ? "page" : undefined} onClick={onOpen}>
      {title}
      {badge > 0 && <span class="count">{badge}</span>}
      {alarm && (
        <span class="count alarm">
          !<span class="visually-hidden"> New warnings</span>
        </span>
      )}
    </button>
  );
}

function FirstPage() {
  return (
    <div class="first">
      <section class="panel">
        <h1>Start a load test</h1>
        <p class="muted">{args.locustfile}</p>
        <StartForm edit={false} />
      </section>
    </div>
  );
}

function Dialogs() {
  const close = () => {
    dialog.value = "";
  };
  switch (dialog.value) {
    case "start":
      return (
        <Dialog title="New load test" onClose={close}>
          <StartForm edit={false} />
        </Dialog>
      );
    case "edit":
      return (
        <Dialog title="Change the running test" onClose={close}>
          <StartForm edit />
        </Dialog>
      );
    case "help":
      return (
        <Dialog title="Keyboard shortcuts" onClose={close}>
          <dl class="keys">
            {SHORTCUTS.map(({ shown, words }) => [
              <dt key={`${shown}k`}>
                <kbd>{shown}</kbd>
              </dt>,
              <dd key={`${shown}w`}>{words}</dd>,
            ])}
          </dl>
          <p class="muted small">
            Gregaria {live.settings.version || args.version}, {args.locustfile || live.settings.locustfile}
            {status.value.shape ? `, shape ${status.value.shape}` : ""}
          </p>
        </Dialog>
      );
    default:
      return null;
  }
}
