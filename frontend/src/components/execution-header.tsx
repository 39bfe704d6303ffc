import type { JSX } from "preact";

import { cancelJob } from "../api/pulse";
import type { ExecutionDetail, Job } from "../api/types";
import { schedulePath, schedulesPath } from "../lib/paths";
import { formatDuration } from "../lib/time";
import { formatUsd } from "../lib/money";
import type { ExecutionView } from "../state/execution";
import { executionById } from "../state/execution";
import { knownName, scheduleById } from "../state/schedules";
import { Badge } from "./badge";
import { ActionButton, CopyButton } from "./button";
import { Fact, Facts } from "./facts";
import { ProgressBar, progressWords } from "./progress";
import { Duration, Relative } from "./times";
import { useLive } from "./use";

/** What an execution is, how far it is and what came of it. */
export function ExecutionHeader({ view }: { view: ExecutionView }): JSX.Element {
  const { execution, job } = view;
  const own = job?.execution_id === execution.id ? job : null; // a later try has taken the job over otherwise
  return (
    <>
      <Crumbs execution={execution} />
      <header class="head head-page">
        <h1>{execution.handler_name}</h1>
        <Badge status={execution.status} large />
        <span class="timer">
          <Duration startedAt={execution.started_at} ms={execution.duration_ms} />
        </span>
        <span class="spring" />
        {own && isActive(own) && <CancelButton job={own} executionId={execution.id} />}
      </header>
      <div class="panel facts-panel">
        {execution.status === "running" && own && <RunProgress job={own} />}
        <ExecutionFacts execution={execution} job={job} />
        <Result execution={execution} />
      </div>
    </>
  );
}

function Crumbs({ execution }: { execution: ExecutionDetail }): JSX.Element {
  const schedule = execution.scheduled_job_id;
  return (
    <nav class="crumbs" aria-label="Where you are">
      <a href={schedulesPath}>Schedules</a>
      {schedule && <ScheduleCrumb id={schedule} />}
    </nav>
  );
}

function ScheduleCrumb({ id }: { id: string }): JSX.Element {
  useLive(scheduleById.get(id));
  return <a href={schedulePath(id)}>{knownName(id) ?? "schedule"}</a>;
}

function isActive(job: Job): boolean {
  return job.status === "queued" || job.status === "running" || job.status === "paused";
}

function CancelButton({ job, executionId }: { job: Job; executionId: string }): JSX.Element {
  const cancel = async (): Promise<void> => {
    const changed = await cancelJob(job.id);
    executionById.get(executionId).patch((view) => ({ ...view, job: changed }));
  };
  return (
    <ActionButton
      icon="slash"
      label="Cancel"
      confirm="Confirm"
      describe="Cancel the job"
      failure="The job was not cancelled"
      run={cancel}
      kind="danger"
    />
  );
}

function RunProgress({ job }: { job: Job }): JSX.Element {
  const { current, total } = job.progress;
  return (
    <div class="run-progress">
      <span class="stage">{job.stage || "starting"}</span>
      <span class="run-progress-words">{progressWords(current, total)}</span>
      <ProgressBar label="Progress" current={current} total={total} />
    </div>
  );
}

function ExecutionFacts({ execution, job }: { execution: ExecutionDetail; job: Job | null }): JSX.Element {
  return (
    <Facts>
      <Fact name="Started">
        <Relative at={execution.started_at} />
      </Fact>
      {execution.wait_ms !== null && <Fact name="Waited">{formatDuration(execution.wait_ms)}</Fact>}
      <Fact name="Try">{tries(execution, job)}</Fact>
      {execution.worker && (
        <Fact name="Worker">
          <code>{execution.worker}</code>
        </Fact>
      )}
      {execution.cost_usd > 0 && <Fact name="Cost">{formatUsd(execution.cost_usd)}</Fact>}
      {job && job.status !== execution.status && (
        <Fact name="Job">
          <Badge status={job.status} title={job.waiting_reason} />
        </Fact>
      )}
      <Fact name="Id">
        <CopyButton text={execution.id}>{execution.id}</CopyButton>
      </Fact>
    </Facts>
  );
}

function tries(execution: ExecutionDetail, job: Job | null): string {
  return job ? `${execution.attempt} of up to ${job.max_retries + 1}` : String(execution.attempt);
}

function Result({ execution }: { execution: ExecutionDetail }): JSX.Element | null {
  const { status, result_summary, error_code, error_message, error_details } = execution;
  if (status === "completed") return result_summary ? <p class="result">{result_summary}</p> : null;
  if (status !== "failed") return null;
  return (
    <div class="error-box">
      <p>
        <strong>{error_message}</strong> {error_code && <code>{error_code}</code>}
      </p>
      {error_details.length > 0 && (
        <details>
          <summary>Details</summary>
          <pre>{error_details.join("\n")}</pre>
        </details>
      )}
    </div>
  );
}
