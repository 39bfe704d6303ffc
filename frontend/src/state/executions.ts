/** Lists of executions, newest first: over everything, or of one schedule, a page at a time. */

import type { ExecutionCompleted, ExecutionFailed, ExecutionStarted, PulseEvent } from "../api/events";
import type { Page } from "../api/pulse";
import { listExecutions, listExecutionsOf, listJobs } from "../api/pulse";
import type { Execution, ExecutionListing, Job } from "../api/types";
import type { Source } from "./resource";
import { Resource } from "./resource";
import { Shelf } from "./shelf";

export const NEWEST = 20;
export const PAGE_SIZE = 20;

/** An execution, and while it runs how far it is. */
export interface ExecutionRow extends Execution {
  stage?: string;
  progress?: { current: number; total: number | null };
}

export interface ExecutionRows extends ExecutionListing {
  executions: ExecutionRow[];
}

interface Rules {
  page: Page;
  /** Whether an execution that just began belongs into this list. */
  includes: (event: ExecutionStarted) => boolean;
}

/** The list after one event. */
export function reduceExecutions(list: ExecutionRows, event: PulseEvent, rules: Rules): ExecutionRows {
  switch (event.type) {
    case "pulse_execution_started":
      return rules.includes(event) ? withStarted(list, event, rules.page) : list;
    case "pulse_execution_completed":
    case "pulse_execution_failed":
      return change(list, event.execution_id, (row) => ended(row, event));
    case "progress":
      return change(list, event.execution_id, (row) =>
        row.status === "running"
          ? { ...row, stage: event.stage, progress: { current: event.current, total: event.total } }
          : row,
      );
    case "job_update":
    case "schedule_update":
    case "log_lines":
      return list;
  }
}

function withStarted(list: ExecutionRows, event: ExecutionStarted, page: Page): ExecutionRows {
  if (list.executions.some((row) => row.id === event.execution_id)) return list;
  const total = list.total + 1;
  if (page.offset > 0) return { ...list, total };
  const executions = [startedRow(event), ...list.executions].slice(0, page.limit);
  return { executions, count: executions.length, total, has_more: total > executions.length };
}

function startedRow(event: ExecutionStarted): ExecutionRow {
  return {
    id: event.execution_id,
    scheduled_job_id: event.scheduled_job_id,
    async_job_id: event.async_job_id,
    handler_name: event.handler_name,
    attempt: event.attempt,
    status: "running",
    worker: "",
    started_at: new Date(event.timestamp * 1_000).toISOString(),
    completed_at: null,
    duration_ms: null,
    wait_ms: null,
    result_summary: null,
    error_message: null,
    error_code: null,
    cost_usd: 0,
  };
}

/** An execution after the event of its end. */
export function ended<T extends Execution>(row: T, event: ExecutionCompleted | ExecutionFailed): T {
  const completed_at = new Date(event.timestamp * 1_000).toISOString();
  const { duration_ms } = event;
  if (event.type === "pulse_execution_completed") {
    return { ...row, status: "completed", completed_at, duration_ms, result_summary: event.result_summary };
  }
  const { error: error_message, error_code } = event;
  return { ...row, status: "failed", completed_at, duration_ms, error_message, error_code };
}

function change(list: ExecutionRows, id: string, to: (row: ExecutionRow) => ExecutionRow): ExecutionRows {
  if (!list.executions.some((row) => row.id === id)) return list;
  return { ...list, executions: list.executions.map((row) => (row.id === id ? to(row) : row)) };
}

/** The list, with stage and progress of what runs taken from the running jobs. */
export function withProgress(list: ExecutionListing, running: Job[]): ExecutionRows {
  const jobs = new Map(running.map((job) => [job.execution_id, job]));
  const executions = list.executions.map((row): ExecutionRow => {
    const job = row.status === "running" ? jobs.get(row.id) : undefined;
    return job ? { ...row, stage: job.stage, progress: job.progress } : row;
  });
  return { ...list, executions };
}

function source(fetch: (signal: AbortSignal) => Promise<ExecutionListing>, rules: Rules): Source<ExecutionRows> {
  return {
    fetch: async (signal) => {
      const [list, running] = await Promise.all([fetch(signal), listJobs("running", 100, signal)]);
      return withProgress(list, running.jobs);
    },
    reduce: (list, event) => reduceExecutions(list, event, rules),
  };
}

const newestPage = { limit: NEWEST, offset: 0 };

/** The newest executions over everything. */
export const newest = new Resource<ExecutionRows>(
  source((signal) => listExecutions(newestPage, signal), { page: newestPage, includes: () => true }),
);

/** One page of one schedule's executions. Keys come from `pageKey`. */
export const executionPages = new Shelf<ExecutionRows>((key) => {
  const [scheduleId = "", number = "1"] = key.split(" ");
  const page = { limit: PAGE_SIZE, offset: (Number(number) - 1) * PAGE_SIZE };
  const includes = (event: ExecutionStarted): boolean => event.scheduled_job_id === scheduleId;
  return source((signal) => listExecutionsOf(scheduleId, page, signal), { page, includes });
});

/** The key of page `number` (from 1) of a schedule's executions. */
export function pageKey(scheduleId: string, number: number): string {
  return `${scheduleId} ${number}`;
}
