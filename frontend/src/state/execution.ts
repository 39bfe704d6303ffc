/** One execution with its job, and the stages of its log. */

import type { PulseEvent } from "../api/events";
import { getExecution, getJob, listStages } from "../api/pulse";
import type { ExecutionDetail, Job, StageListing } from "../api/types";
import { ended } from "./executions";
import { Shelf } from "./shelf";

const STAGES_EVERY_MS = 1_500;

export interface ExecutionView {
  execution: ExecutionDetail;
  job: Job | null; // null for a Celery task that is no Pulse handler
}

export function reduceExecution(view: ExecutionView, event: PulseEvent): ExecutionView {
  const { execution, job } = view;
  switch (event.type) {
    case "pulse_execution_completed":
      return event.execution_id === execution.id ? { ...view, execution: ended(execution, event) } : view;
    case "pulse_execution_failed": {
      if (event.execution_id !== execution.id) return view;
      return { ...view, execution: { ...ended(execution, event), error_details: event.error_details } };
    }
    case "progress":
      if (event.execution_id !== execution.id || !job) return view;
      return { ...view, job: { ...job, stage: event.stage, progress: progressOf(event.current, event.total) } };
    case "job_update":
      if (event.job_id !== job?.id) return view;
      return { ...view, job: { ...job, status: event.status, waiting_reason: event.waiting_reason } };
    case "pulse_execution_started":
    case "schedule_update":
    case "log_lines":
      return view;
  }
}

function progressOf(current: number, total: number | null): Job["progress"] {
  return { current, total, percentage: total ? (100 * current) / total : 0 };
}

function isEndOf(id: string, event: PulseEvent): boolean {
  const ends = event.type === "pulse_execution_completed" || event.type === "pulse_execution_failed";
  return ends && event.execution_id === id;
}

async function fetchView(id: string, signal: AbortSignal): Promise<ExecutionView> {
  const execution = await getExecution(id, signal);
  const job = execution.async_job_id === null ? null : await getJob(execution.async_job_id, signal);
  return { execution, job };
}

export const executionById = new Shelf<ExecutionView>((id) => ({
  fetch: (signal) => fetchView(id, signal),
  reduce: reduceExecution,
  outdates: (_view, event) => isEndOf(id, event), // cost, wait and result come with the fetch
}));

/** Stages and tasks with their counts. The server counts: again after new lines, not with every one. */
export const stagesById = new Shelf<StageListing>((id) => ({
  fetch: (signal) => listStages(id, signal),
  reduce: (stages) => stages,
  outdates: (_stages, event) => (event.type === "log_lines" && event.execution_id === id) || isEndOf(id, event),
  everyMs: STAGES_EVERY_MS,
}));
