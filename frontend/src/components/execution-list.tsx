import type { JSX } from "preact";

import { executionPath } from "../lib/paths";
import { shortId } from "../lib/words";
import type { ExecutionRow } from "../state/executions";
import { schedules } from "../state/schedules";
import { Badge } from "./badge";
import { ProgressBar, progressWords } from "./progress";
import { Duration, Relative } from "./times";

/** The newest executions, as a narrow list. */
export function ExecutionList({ rows }: { rows: ExecutionRow[] }): JSX.Element {
  const names = new Map(schedules.data.value?.jobs.map((schedule) => [schedule.id, schedule.name]));
  return (
    <ol class="executions">
      {rows.map((row) => (
        <li key={row.id} data-execution={row.id}>
          <a class="execution" href={executionPath(row.id)}>
            <span class="execution-head">
              <span class="execution-badge">
                <Badge status={row.status} />
              </span>
              <span class="execution-name">{names.get(row.scheduled_job_id ?? "") ?? row.handler_name}</span>
              {row.attempt > 1 && <span class="attempt">try {row.attempt}</span>}
              <Duration startedAt={row.started_at} ms={row.duration_ms} />
            </span>
            <span class="execution-foot">
              <Told row={row} />
              <span class="when">
                <Relative at={row.completed_at ?? row.started_at} />
              </span>
            </span>
            {row.status === "running" && row.progress?.total ? (
              <ProgressBar label={`Progress of ${shortId(row.id)}`} {...row.progress} />
            ) : null}
          </a>
        </li>
      ))}
    </ol>
  );
}

/** In one line: how far it is, what came of it, or why it failed. */
export function Told({ row }: { row: ExecutionRow }): JSX.Element {
  if (row.status === "failed") return <span class="told told-error">{row.error_message}</span>;
  if (row.status === "completed") return <span class="told">{row.result_summary}</span>;
  const words = row.progress ? progressWords(row.progress.current, row.progress.total) : "";
  return (
    <span class="told">
      {row.stage && <span class="stage">{row.stage}</span>} {words}
    </span>
  );
}
