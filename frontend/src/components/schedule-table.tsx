import type { JSX } from "preact";

import type { Schedule } from "../api/types";
import { executionPath, schedulePath } from "../lib/paths";
import { schedules, withSchedule } from "../state/schedules";
import { Badge } from "./badge";
import { ScheduleActions } from "./schedule-actions";
import { Countdown, Relative } from "./times";

export function ScheduleTable({ rows }: { rows: Schedule[] }): JSX.Element {
  return (
    <table class="table schedules" role="table">
      <thead>
        <tr role="row">
          <th scope="col">Schedule</th>
          <th scope="col">State</th>
          <th scope="col">Next run</th>
          <th scope="col">Last run</th>
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((schedule) => (
          <Row key={schedule.id} schedule={schedule} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ schedule }: { schedule: Schedule }): JSX.Element {
  return (
    <tr role="row" data-schedule={schedule.id}>
      <td role="cell" class="cell-main">
        <a class="cover" href={schedulePath(schedule.id)}>
          {schedule.name}
        </a>
        <span class="sub">
          <span class="rule">{schedule.rule}</span>
          <code>{schedule.handler_name}</code>
        </span>
      </td>
      <td role="cell" class="cell-state">
        <Badge status={schedule.state} title={schedule.state_reason} />
      </td>
      <td role="cell" class="cell-next">
        <NextRun schedule={schedule} />
      </td>
      <td role="cell" class="cell-last">
        <LastRun schedule={schedule} />
      </td>
      <td role="cell" class="cell-actions">
        <ScheduleActions
          schedule={schedule}
          onChange={(changed) => schedules.patch((listing) => withSchedule(listing, changed))}
        />
      </td>
    </tr>
  );
}

export function NextRun({ schedule }: { schedule: Schedule }): JSX.Element {
  if (schedule.state !== "active" || schedule.next_run_at === null) return <span class="none">none</span>;
  return <Countdown at={schedule.next_run_at} />;
}

export function LastRun({ schedule }: { schedule: Schedule }): JSX.Element {
  const { last_run_at, last_status, last_execution_id } = schedule;
  if (last_run_at === null) return <span class="none">never</span>;
  return (
    <>
      {last_status && last_execution_id && (
        <a class="above" href={executionPath(last_execution_id)}>
          <Badge status={last_status} />
        </a>
      )}
      <span class="when">
        <Relative at={last_run_at} />
      </span>
    </>
  );
}
