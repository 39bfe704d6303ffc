import type { JSX } from "preact";

import type { Schedule } from "../api/types";
import { ExecutionList } from "../components/execution-list";
import { ScheduleTable } from "../components/schedule-table";
import { Empty, Loaded } from "../components/states";
import { useLive, useTitle } from "../components/use";
import { newest } from "../state/executions";
import { schedules } from "../state/schedules";

export function SchedulesPage(): JSX.Element {
  useTitle("Schedules");
  useLive(schedules);
  useLive(newest);
  return (
    <div class="page split">
      <section aria-labelledby="schedules-title">
        <header class="head">
          <h1 id="schedules-title">Schedules</h1>
          <Counts rows={schedules.data.value?.jobs ?? []} />
        </header>
        <div class="panel">
          <Loaded resource={schedules} rows={4}>
            {({ jobs }) =>
              jobs.length > 0 ? (
                <ScheduleTable rows={jobs} />
              ) : (
                <Empty title="No schedules yet">
                  A schedule says when to run a handler. Create one in the admin or with POST /api/pulse/schedules/.
                </Empty>
              )
            }
          </Loaded>
        </div>
      </section>
      <section aria-labelledby="newest-title" class="aside">
        <header class="head">
          <h2 id="newest-title">Newest executions</h2>
        </header>
        <div class="panel">
          <Loaded resource={newest} rows={6}>
            {({ executions }) =>
              executions.length > 0 ? (
                <ExecutionList rows={executions} />
              ) : (
                <Empty title="Nothing has run yet">Executions appear here the moment they start.</Empty>
              )
            }
          </Loaded>
        </div>
      </section>
    </div>
  );
}

/** `3 active · 1 paused`, in the order of the states. */
function Counts({ rows }: { rows: Schedule[] }): JSX.Element {
  const states = ["active", "paused", "stopping", "inactive"] as const;
  const counted = states.map((state) => [rows.filter((row) => row.state === state).length, state] as const);
  const words = counted.filter(([n]) => n > 0).map(([n, state]) => `${n} ${state}`);
  return <p class="counts">{words.join(" · ")}</p>;
}
