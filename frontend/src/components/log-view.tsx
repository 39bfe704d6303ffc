import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { logTextAddress } from "../api/pulse";
import type { Level } from "../api/types";
import type { LineFilter } from "../logs/lines";
import { LEVELS } from "../logs/lines";
import { LogPane } from "../logs/pane";
import type { TailState } from "../logs/tail";
import { LogTail } from "../logs/tail";
import { live } from "../state/app";
import { toastFailure } from "../state/toasts";
import { NamedIcon } from "./icons";
import { Empty, Failure, Skeleton } from "./states";

interface LogViewProps {
  executionId: string;
  running: boolean;
  filter: LineFilter;
  onFilter: (change: Partial<LineFilter>) => void;
}

interface Shown {
  first: number; // number of the first line loaded, 0 when none is
  lines: number; // shown
  loaded: number;
}

/** The log of one execution, live, with its filters. The lines themselves are the pane's own. */
export function LogView({ executionId, running, filter, onFilter }: LogViewProps): JSX.Element {
  const host = useRef<HTMLDivElement>(null);
  const pane = useRef<LogPane | null>(null);
  const shown = useSignal<Shown>({ first: 0, lines: 0, loaded: 0 });
  const tail = useMemo(
    () =>
      new LogTail(executionId, live, {
        reset: (lines) => pane.current?.reset(lines),
        append: (lines) => pane.current?.append(lines),
        prepend: (lines) => pane.current?.prepend(lines),
      }),
    [executionId],
  );
  useEffect(() => {
    if (!host.current) return undefined;
    const made = new LogPane(host.current, (lines, count) => {
      shown.value = { first: lines[0]?.seq ?? 0, lines: count, loaded: lines.length };
    });
    pane.current = made;
    tail.open();
    return () => {
      tail.close();
      made.destroy();
    };
  }, [tail, shown]);
  useEffect(() => pane.current?.setFilter(filter), [filter]);

  const state = tail.state.value;
  return (
    <section class="log panel" aria-label="Log">
      <Toolbar executionId={executionId} filter={filter} onFilter={onFilter} shown={shown.value} total={state.total} />
      <Earlier tail={tail} first={shown.value.first} />
      <div class="log-frame">
        <div ref={host} class="log-pane" tabIndex={0} role="log" aria-live="off" aria-label="Log lines" />
        <Instead tail={tail} state={state} running={running} shown={shown.value} />
      </div>
    </section>
  );
}

interface ToolbarProps {
  executionId: string;
  filter: LineFilter;
  onFilter: (change: Partial<LineFilter>) => void;
  shown: Shown;
  total: number;
}

function Toolbar({ executionId, filter, onFilter, shown, total }: ToolbarProps): JSX.Element {
  const chosen = [filter.stage, filter.task].filter(Boolean).join(" › ");
  return (
    <div class="log-tools">
      <h2>Log</h2>
      <span class="log-count">
        {shown.lines.toLocaleString("en-US")} of {total.toLocaleString("en-US")}
      </span>
      {chosen && (
        <button type="button" class="chip" title="Show all stages" onClick={() => onFilter({ stage: "", task: "" })}>
          {chosen}
          <NamedIcon name="cross" />
        </button>
      )}
      <span class="spring" />
      <input
        type="search"
        class="field"
        placeholder="Find in messages"
        aria-label="Find in messages"
        value={filter.text}
        onInput={(event) => onFilter({ text: event.currentTarget.value })}
      />
      <LevelSelect level={filter.level} onFilter={onFilter} />
      <a class="button button-plain" href={logTextAddress(executionId)} download={`${executionId}.log`}>
        <NamedIcon name="down" />
        Download
      </a>
    </div>
  );
}

const LEVEL_WORDS: Record<Level, string> = {
  debug: "All levels",
  info: "Info and above",
  warn: "Warnings, errors",
  error: "Errors only",
};

function LevelSelect({ level, onFilter }: { level: Level; onFilter: LogViewProps["onFilter"] }): JSX.Element {
  const pick = (value: string): void => {
    const found = LEVELS.find((known) => known === value);
    if (found) onFilter({ level: found });
  };
  return (
    <select class="field" aria-label="Level" value={level} onChange={(event) => pick(event.currentTarget.value)}>
      {LEVELS.map((known) => (
        <option key={known} value={known}>
          {LEVEL_WORDS[known]}
        </option>
      ))}
    </select>
  );
}

function Earlier({ tail, first }: { tail: LogTail; first: number }): JSX.Element | null {
  const busy = useSignal(false);
  if (first <= 1) return null;
  const load = (): void => {
    busy.value = true;
    tail
      .loadEarlier(first)
      .catch((error: unknown) => toastFailure("Earlier lines were not loaded", error))
      .finally(() => (busy.value = false));
  };
  return (
    <div class="log-earlier">
      {(first - 1).toLocaleString("en-US")} earlier lines are not shown.
      <button type="button" class="link" aria-busy={busy.value} onClick={load}>
        Load more of them
      </button>
    </div>
  );
}

interface InsteadProps {
  tail: LogTail;
  state: TailState;
  running: boolean;
  shown: Shown;
}

/** What stands in the pane's place while it has nothing to show. */
function Instead({ tail, state, running, shown }: InsteadProps): JSX.Element | null {
  if (shown.lines > 0) return null;
  if (state.error) return <Failure error={state.error} retry={() => void tail.catchUp()} />;
  if (state.kind === "loading") return <Skeleton rows={6} />;
  if (shown.loaded > 0) return <Empty title="No line passes the filter">Loosen it to see more of the log.</Empty>;
  if (running) return <Empty title="No lines yet">They appear here as the run writes them.</Empty>;
  return <Empty title="No lines">This run has logged nothing.</Empty>;
}
