import type { JSX } from "preact";
import { useLocation, useRoute } from "preact-iso";

import { deleteSchedule } from "../api/pulse";
import type { Schedule } from "../api/types";
import { Badge } from "../components/badge";
import { ActionButton, CopyButton } from "../components/button";
import { ExecutionTable } from "../components/execution-table";
import { Fact, Facts } from "../components/facts";
import { Pagination } from "../components/pagination";
import { ScheduleActions } from "../components/schedule-actions";
import { LastRun, NextRun } from "../components/schedule-table";
import { Empty, Loaded, PageFailure } from "../components/states";
import { Relative } from "../components/times";
import { useLive, useTitle } from "../components/use";
import { schedulePath, schedulesPath } from "../lib/paths";
import { executionPages, PAGE_SIZE, pageKey } from "../state/executions";
import { scheduleById } from "../state/schedules";

export function SchedulePage(): JSX.Element {
  const { params } = useRoute();
  const id = params.id ?? "";
  const resource = scheduleById.get(id);
  useLive(resource);
  useTitle(resource.data.value?.name ?? "Schedule");
  const error = resource.error.value;
  if (error && !resource.data.value) {
    return <PageFailure title="Schedule" error={error} retry={() => void resource.load()} />;
  }
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <a href={schedulesPath}>Schedules</a>
      </nav>
      <Loaded resource={resource} rows={3}>
        {(schedule) => <Header schedule={schedule} />}
      </Loaded>
      <History scheduleId={id} />
    </div>
  );
}

function Header({ schedule }: { schedule: Schedule }): JSX.Element {
  const { route } = useLocation();
  const resource = scheduleById.get(schedule.id);
  const remove = async (): Promise<void> => {
    await deleteSchedule(schedule.id);
    route(schedulesPath);
  };
  return (
    <>
      <header class="head head-page">
        <h1>{schedule.name}</h1>
        <Badge status={schedule.state} title={schedule.state_reason} large />
        <span class="spring" />
        <ScheduleActions schedule={schedule} onChange={(changed) => resource.patch(() => changed)} />
        <ActionButton
          icon="trash"
          label="Delete"
          confirm="Confirm"
          describe="Delete the schedule. Its history is kept."
          failure={`${schedule.name} was not deleted`}
          run={remove}
          kind="danger"
        />
      </header>
      {schedule.state_reason && <p class="reason">{schedule.state_reason}</p>}
      <ScheduleFacts schedule={schedule} />
    </>
  );
}

function ScheduleFacts({ schedule }: { schedule: Schedule }): JSX.Element {
  return (
    <div class="panel facts-panel">
      <Facts>
        <Fact name="Runs">{schedule.rule}</Fact>
        <Fact name="Handler">
          <code>{schedule.handler_name}</code>
        </Fact>
        <Fact name="Next run">
          <NextRun schedule={schedule} />
        </Fact>
        <Fact name="Last run">
          <LastRun schedule={schedule} />
        </Fact>
        <Fact name="Time zone">{schedule.timezone}</Fact>
        <Fact name="Created">
          <Relative at={schedule.created_at} />
        </Fact>
        <Fact name="Id">
          <CopyButton text={schedule.id}>{schedule.id}</CopyButton>
        </Fact>
      </Facts>
      {Object.keys(schedule.payload).length > 0 && (
        <details class="payload">
          <summary>Payload</summary>
          <pre>{JSON.stringify(schedule.payload, null, 2)}</pre>
        </details>
      )}
    </div>
  );
}

function History({ scheduleId }: { scheduleId: string }): JSX.Element {
  const { query } = useLocation();
  const page = Math.max(1, Math.floor(Number(query.page ?? "1")) || 1);
  const resource = executionPages.get(pageKey(scheduleId, page));
  useLive(resource);
  return (
    <section aria-labelledby="history-title">
      <header class="head">
        <h2 id="history-title">Executions</h2>
      </header>
      <div class="panel">
        <Loaded resource={resource} rows={6}>
          {({ executions, total }) => (
            <>
              {executions.length > 0 ? (
                <ExecutionTable rows={executions} />
              ) : (
                <Empty title="It has not run yet">Its executions appear here the moment they start.</Empty>
              )}
              <Pagination
                page={page}
                size={PAGE_SIZE}
                total={total}
                href={(number) => `${schedulePath(scheduleId)}?page=${number}`}
              />
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}
