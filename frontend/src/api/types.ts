/** Wire shapes of the API, under the server's own names. */

export type ScheduleState = "active" | "paused" | "stopping" | "inactive" | "deleted";
export type JobStatus = "queued" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type ExecutionStatus = "running" | "completed" | "failed";
export type Level = "debug" | "info" | "warn" | "error";

export interface Schedule {
  id: string;
  name: string;
  handler_name: string;
  payload: Record<string, unknown>;
  interval_seconds: number | null;
  cron: string | null;
  timezone: string;
  rule: string; // in words
  state: ScheduleState;
  state_reason: string;
  next_run_at: string | null;
  last_run_at: string | null;
  last_job_id: string | null;
  last_execution_id: string | null;
  last_status: ExecutionStatus | null;
  created_at: string;
  updated_at: string;
}

export interface Job {
  id: string;
  handler_name: string;
  payload: Record<string, unknown>;
  status: JobStatus;
  queue: string;
  source: string;
  schedule_id: string | null;
  due_at: string | null;
  attempt: number;
  max_retries: number;
  execution_id: string | null; // the newest try
  progress: JobProgress;
  stage: string;
  waiting_reason: string;
  pause_reason: string;
  resume_at: string | null;
  cost_usd: number;
  result_summary: string;
  error_code: string;
  error_message: string;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
}

export interface JobProgress {
  current: number;
  total: number | null;
  percentage: number;
}

export interface Execution {
  id: string;
  scheduled_job_id: string | null; // the schedule's id
  async_job_id: string | null; // the job's id
  handler_name: string;
  attempt: number;
  status: ExecutionStatus;
  worker: string;
  started_at: string;
  completed_at: string | null;
  duration_ms: number | null;
  wait_ms: number | null;
  result_summary: string | null;
  error_message: string | null;
  error_code: string | null;
  cost_usd: number;
}

export interface ExecutionDetail extends Execution {
  error_details: string[];
}

export interface StageTask {
  task_id: string;
  log_count: number;
  first_at: string;
  last_at: string;
  levels: Partial<Record<Level, number>>;
}

export interface Stage {
  stage: string;
  log_count: number;
  first_at: string;
  last_at: string;
  levels: Partial<Record<Level, number>>;
  tasks: StageTask[];
}

export interface Line {
  id: number | null; // null in an event
  seq: number; // from 1 within its execution: key, order and resume point
  execution_id: string;
  stage: string;
  task_id: string | null;
  timestamp: string;
  level: Level;
  message: string;
  metadata: Record<string, unknown> | null;
}

export interface Listing {
  count: number;
  total: number;
  has_more: boolean;
}
export interface ScheduleListing extends Listing {
  jobs: Schedule[];
}
export interface JobListing extends Listing {
  jobs: Job[];
}
export interface ExecutionListing extends Listing {
  executions: Execution[];
}
export interface StageListing {
  job_id: string | null;
  stages: Stage[];
}
export interface LineListing {
  job_id: string | null;
  total_count: number;
  logs: Line[];
  has_more: boolean;
}

export interface ErrorEnvelope {
  id: string;
  error: string;
  code: string;
  details: { field: string; message: string }[];
  hints: string[];
  timestamp: string;
}
