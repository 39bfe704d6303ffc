/** What the server tells over the socket: one type per event, told apart by `type`. */

import type { Line, ScheduleState, JobStatus } from "./types";

interface Told {
  event_id: string; // its place in the server's stream: order and resume point
  timestamp: number; // unix seconds
}

interface OfExecution extends Told {
  execution_id: string;
  job_id: string; // the schedule's id, or the job's own where no schedule asked for it
  scheduled_job_id: string | null;
  async_job_id: string | null;
  handler_name: string;
}

export interface ExecutionStarted extends OfExecution {
  type: "pulse_execution_started";
  attempt: number;
}

export interface ExecutionCompleted extends OfExecution {
  type: "pulse_execution_completed";
  duration_ms: number;
  result_summary: string | null;
}

export interface ExecutionFailed extends OfExecution {
  type: "pulse_execution_failed";
  duration_ms: number;
  error: string;
  error_code: string;
  error_details: string[];
}

export interface Progress extends Told {
  type: "progress";
  execution_id: string;
  job_id: string;
  scheduled_job_id: string | null;
  async_job_id: string | null;
  stage: string;
  current: number;
  total: number | null;
}

export interface JobUpdate extends Told {
  type: "job_update";
  job_id: string;
  scheduled_job_id: string | null;
  handler_name: string;
  status: JobStatus;
  waiting_reason: string;
}

export interface ScheduleUpdate extends Told {
  type: "schedule_update";
  scheduled_job_id: string;
  state: ScheduleState;
  next_run_at: string | null;
  last_run_at: string | null;
}

/** Only sent to clients that subscribed to the execution. Where `lines` leave a gap, or end early, fetch the rest. */
export interface LogLines extends Told {
  type: "log_lines";
  execution_id: string;
  async_job_id: string | null;
  last_seq: number; // of the newest line that the server has
  lines: Line[];
}

export type PulseEvent =
  | ExecutionStarted
  | ExecutionCompleted
  | ExecutionFailed
  | Progress
  | JobUpdate
  | ScheduleUpdate
  | LogLines;

type Fields = { [T in PulseEvent["type"]]: readonly (keyof Extract<PulseEvent, { type: T }>)[] };

/** The fields without which an event of each type cannot be used. */
const REQUIRED: Fields = {
  pulse_execution_started: ["execution_id", "job_id", "handler_name", "attempt"],
  pulse_execution_completed: ["execution_id", "job_id", "duration_ms", "result_summary"],
  pulse_execution_failed: ["execution_id", "job_id", "duration_ms", "error", "error_code"],
  progress: ["execution_id", "stage", "current", "total"],
  job_update: ["job_id", "status", "waiting_reason"],
  schedule_update: ["scheduled_job_id", "state", "next_run_at", "last_run_at"],
  log_lines: ["execution_id", "last_seq", "lines"],
};

/** True for an event this client knows, with what it needs. A newer server may send more kinds: they are left out. */
export function isPulseEvent(value: unknown): value is PulseEvent {
  if (typeof value !== "object" || value === null || !("type" in value)) return false;
  const type = value.type;
  if (typeof type !== "string" || !Object.hasOwn(REQUIRED, type)) return false;
  const required: readonly string[] = REQUIRED[type as PulseEvent["type"]]; // it is one of the keys: asked above
  return required.every((name) => name in value);
}
