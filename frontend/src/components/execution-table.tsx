import type { JSX } from "preact";

import { executionPath } from "../lib/paths";
import { formatDuration } from "../lib/time";
import { shortId } from "../lib/words";
import type { ExecutionRow } from "../state/executions";
import { Badge } from "./badge";
import { Told } from "./execution-list";
import { Duration, Relative } from "./times";

export function ExecutionTable({ rows }: { rows: ExecutionRow[] }): JSX.Element {
  return (
    <table class="table history" role="table">
      <thead>
        <tr role="row">
          <th scope="col">Execution</th>
          <th scope="col">Started</th>
          <th scope="col" class="number">
            Took
          </th>
          <th scope="col" class="number">
            Waited
          </th>
          <th scope="col">Result</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.id} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row }: { row: ExecutionRow }): JSX.Element {
  return (
    <tr role="row" data-execution={row.id}>
      <td role="cell" class="cell-state">
        <a class="cover" href={executionPath(row.id)} aria-label={`Execution ${shortId(row.id)}, ${row.status}`}>
          <Badge status={row.status} />
        </a>
        {row.attempt > 1 && <span class="attempt">try {row.attempt}</span>}
      </td>
      <td role="cell" class="cell-started">
        <Relative at={row.started_at} />
      </td>
      <td role="cell" class="cell-took number">
        <Duration startedAt={row.started_at} ms={row.duration_ms} />
      </td>
      <td role="cell" class="cell-waited number">
        {row.wait_ms === null ? "" : formatDuration(row.wait_ms)}
      </td>
      <td role="cell" class="cell-result">
        <Told row={row} />
      </td>
    </tr>
  );
}
