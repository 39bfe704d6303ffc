import { describe, expect, test } from "vitest";

import type { ExecutionCompleted, ExecutionFailed, ExecutionStarted, Progress, ScheduleUpdate } from "../api/events";
import type { Execution, ExecutionDetail, Job, Schedule } from "../api/types";
import { reduceExecution } from "./execution";
import type { ExecutionRows } from "./executions";
import { reduceExecutions, withProgress } from "./executions";
import { isNewSchedule, reduceSchedules } from "./schedules";

const AT = 1_764_986_400; // 2025-12-06T02:00:00Z
const of = { job_id: "SP_1", scheduled_job_id: "SP_1", async_job_id: "JB_1", handler_name: "demo.work", timestamp: AT };

const started = (id: string): ExecutionStarted => ({
  ...of,
  type: "pulse_execution_started",
  event_id: "1-0",
  execution_id: id,
  attempt: 1,
});
const completed = (id: string): ExecutionCompleted => ({
  ...of,
  type: "pulse_execution_completed",
  event_id: "2-0",
  execution_id: id,
  duration_ms: 840,
  result_summary: "3 rows",
});
const failed = (id: string): ExecutionFailed => ({
  ...of,
  type: "pulse_execution_failed",
  event_id: "2-0",
  execution_id: id,
  duration_ms: 12,
  error: "no such file",
  error_code: "file_not_found",
  error_details: ["line 1"],
});
const progress = (id: string, current: number): Progress => ({
  ...of,
  type: "progress",
  event_id: "3-0",
  execution_id: id,
  stage: "read",
  current,
  total: 10,
});
const update = (fields: Partial<ScheduleUpdate>): ScheduleUpdate => ({
  type: "schedule_update",
  event_id: "4-0",
  timestamp: AT,
  scheduled_job_id: "SP_1",
  state: "active",
  next_run_at: null,
  last_run_at: null,
  ...fields,
});

const execution = (id: string, fields: Partial<Execution> = {}): ExecutionDetail => ({
  id,
  scheduled_job_id: "SP_1",
  async_job_id: "JB_1",
  handler_name: "demo.work",
  attempt: 1,
  status: "running",
  worker: "w",
  started_at: "2025-12-06T02:00:00Z",
  completed_at: null,
  duration_ms: null,
  wait_ms: 5,
  result_summary: null,
  error_message: null,
  error_code: null,
  cost_usd: 0,
  celery_task_id: null,
  error_details: [],
  ...fields,
});
const schedule = (id: string): Schedule => ({
  id,
  name: id,
  handler_name: "demo.work",
  payload: {},
  interval_seconds: 30,
  cron: null,
  timezone: "UTC",
  rule: "every 30 seconds",
  state: "active",
  state_reason: "",
  next_run_at: null,
  last_run_at: null,
  last_job_id: null,
  last_execution_id: null,
  last_status: null,
  created_from_doc: "",
  ats_code: "",
  metadata: {},
  periodic_task_id: 1,
  created_at: "2025-12-06T02:00:00Z",
  updated_at: "2025-12-06T02:00:00Z",
});
const job = (executionId: string): Job => ({
  id: "JB_1",
  handler_name: "demo.work",
  payload: {},
  status: "running",
  queue: "default",
  source: "schedule",
  schedule_id: "SP_1",
  due_at: null,
  attempt: 1,
  max_retries: 2,
  priority: 0,
  run_at: null,
  updated_at: "2025-12-06T02:00:00Z",
  cost_estimate_usd: null,
  execution_id: executionId,
  progress: { current: 4, total: 10, percentage: 40 },
  stage: "check",
  waiting_reason: "",
  pause_reason: "",
  resume_at: null,
  cost_usd: 0,
  result_summary: "",
  error_code: "",
  error_message: "",
  created_at: "2025-12-06T02:00:00Z",
  started_at: null,
  finished_at: null,
});
const schedules = (...ids: string[]) => ({ jobs: ids.map(schedule), count: ids.length, total: ids.length, has_more: false });
const rows = (total: number, ...executions: Execution[]): ExecutionRows => ({
  executions,
  count: executions.length,
  total,
  has_more: total > executions.length,
});
const all = { page: { limit: 3, offset: 0 }, includes: () => true };

describe("schedules", () => {
  test("show the newest run and how it ended", () => {
    const running = reduceSchedules(schedules("SP_1", "SP_2"), started("PX_1"));
    expect(running.jobs.map(({ last_status }) => last_status)).toEqual(["running", null]);
    expect(reduceSchedules(running, completed("PX_1")).jobs[0]?.last_status).toBe("completed");
    expect(reduceSchedules(running, failed("PX_1")).jobs[0]?.last_status).toBe("failed");
  });

  test("do not take the end of an older run for that of the newest", () => {
    const running = reduceSchedules(schedules("SP_1"), started("PX_2"));
    expect(reduceSchedules(running, failed("PX_1")).jobs[0]?.last_status).toBe("running");
  });

  test("follow their own state and times", () => {
    const paused = reduceSchedules(schedules("SP_1"), update({ state: "paused", last_run_at: "2025-12-06T02:00:00Z" }));
    expect(paused.jobs[0]).toMatchObject({ state: "paused", next_run_at: null, last_run_at: "2025-12-06T02:00:00Z" });
  });

  test("vanish when they are deleted", () => {
    expect(reduceSchedules(schedules("SP_1", "SP_2"), update({ state: "deleted" }))).toMatchObject({
      jobs: [{ id: "SP_2" }],
      count: 1,
      total: 1,
    });
  });

  test("stay the same object when an event is about something else", () => {
    const list = schedules("SP_9");
    expect(reduceSchedules(list, progress("PX_1", 1))).toBe(list);
  });

  test("that are not in the list yet ask for a fetch, deleted ones do not", () => {
    expect(isNewSchedule(schedules("SP_2"), update({}))).toBe(true);
    expect(isNewSchedule(schedules("SP_1"), update({}))).toBe(false);
    expect(isNewSchedule(schedules("SP_2"), update({ state: "deleted" }))).toBe(false);
  });
});

describe("a list of executions", () => {
  test("begins with what just started, and keeps its length", () => {
    const list = reduceExecutions(rows(3, execution("PX_1"), execution("PX_2"), execution("PX_3")), started("PX_4"), all);
    expect(list.executions.map(({ id }) => id)).toEqual(["PX_4", "PX_1", "PX_2"]);
    expect(list).toMatchObject({ total: 4, has_more: true });
    expect(list.executions[0]?.started_at).toBe("2025-12-06T02:00:00.000Z");
  });

  test("on a later page only counts what just started", () => {
    const later = { page: { limit: 3, offset: 3 }, includes: () => true };
    expect(reduceExecutions(rows(4, execution("PX_1")), started("PX_5"), later)).toMatchObject({
      total: 5,
      executions: [{ id: "PX_1" }],
    });
  });

  test("of a schedule leaves out what others started", () => {
    const list = rows(0);
    expect(reduceExecutions(list, started("PX_1"), { ...all, includes: () => false })).toBe(list);
  });

  test("does not start again what the fetch already knew to be over", () => {
    const list = rows(1, execution("PX_1", { status: "completed", duration_ms: 5 }));
    expect(reduceExecutions(list, started("PX_1"), all)).toBe(list);
  });

  test("shows progress while it runs, then the result", () => {
    const running = reduceExecutions(rows(1, execution("PX_1")), progress("PX_1", 7), all);
    expect(running.executions[0]).toMatchObject({ stage: "read", progress: { current: 7, total: 10 } });
    const done = reduceExecutions(running, completed("PX_1"), all);
    expect(done.executions[0]).toMatchObject({ status: "completed", duration_ms: 840, result_summary: "3 rows" });
    expect(reduceExecutions(done, progress("PX_1", 8), all).executions[0]?.progress?.current).toBe(7);
  });

  test("shows why one failed", () => {
    expect(reduceExecutions(rows(1, execution("PX_1")), failed("PX_1"), all).executions[0]).toMatchObject({
      status: "failed",
      error_message: "no such file",
      error_code: "file_not_found",
    });
  });

  test("takes stage and progress of what runs from the jobs", () => {
    const list = withProgress(rows(2, execution("PX_1"), execution("PX_2", { status: "failed" })), [job("PX_1"), job("PX_2")]);
    expect(list.executions.map(({ stage }) => stage)).toEqual(["check", undefined]);
  });
});

describe("one execution", () => {
  const view = { execution: execution("PX_1"), job: job("PX_1") };

  test("follows its job's progress and status", () => {
    expect(reduceExecution(view, progress("PX_1", 5)).job).toMatchObject({ stage: "read", progress: { percentage: 50 } });
    const told = reduceExecution(view, {
      type: "job_update",
      event_id: "5-0",
      timestamp: AT,
      job_id: "JB_1",
      scheduled_job_id: "SP_1",
      handler_name: "demo.work",
      status: "queued",
      waiting_reason: "tried again in 5 s",
    });
    expect(told.job).toMatchObject({ status: "queued", waiting_reason: "tried again in 5 s" });
  });

  test("ends with its error and the details of it", () => {
    expect(reduceExecution(view, failed("PX_1")).execution).toMatchObject({
      status: "failed",
      completed_at: "2025-12-06T02:00:00.000Z",
      error_details: ["line 1"],
    });
  });

  test("ignores what others do", () => {
    expect([progress("PX_2", 5), failed("PX_2"), completed("PX_2")].map((event) => reduceExecution(view, event))).toEqual([
      view,
      view,
      view,
    ]);
  });
});
