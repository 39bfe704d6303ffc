/** The API's shapes under the server's own names. `schema.ts` is generated from its OpenAPI schema: `scripts/api-types`.
 *
 * What is written here is narrower than the schema where that cannot say more than "some JSON".
 */

import type { components } from "./schema";

type Schemas = components["schemas"];
type Json = Record<string, unknown>;

export type ScheduleState = Schemas["ScheduleState"];
export type JobStatus = Schemas["JobStatus"];
export type ExecutionStatus = Schemas["ExecutionStatus"];
export type Level = Schemas["Level"];

type Levels = Partial<Record<Level, number>>; // lines by level, without those that have none

export interface Schedule extends Omit<Schemas["Schedule"], "payload" | "last_status"> {
  payload: Json;
  last_status: ExecutionStatus | null;
}
export interface Job extends Omit<Schemas["Job"], "payload" | "pause_reason"> {
  payload: Json;
  pause_reason: Schemas["PauseReasonEnum"] | "";
}
export type Execution = Schemas["Execution"];
export interface ExecutionDetail extends Omit<Schemas["ExecutionDetail"], "error_details"> {
  error_details: string[];
}
export interface StageTask extends Omit<Schemas["TaskOfStage"], "levels"> {
  levels: Levels;
}
export interface Stage extends Omit<Schemas["Stage"], "levels" | "tasks"> {
  levels: Levels;
  tasks: StageTask[];
}
export interface Line extends Omit<Schemas["Line"], "id" | "metadata"> {
  id: number | null; // null in an event
  metadata: Json | null;
}

export interface ScheduleListing extends Omit<Schemas["SchedulePage"], "jobs"> {
  jobs: Schedule[];
}
export interface JobListing extends Omit<Schemas["JobPage"], "jobs"> {
  jobs: Job[];
}
export type ExecutionListing = Schemas["ExecutionPage"];
export interface StageListing extends Omit<Schemas["StageList"], "stages"> {
  stages: Stage[];
}
export interface LineListing extends Omit<Schemas["LogPage"], "logs"> {
  logs: Line[];
}

/** What every refusal looks like. */
export interface ErrorEnvelope {
  id: string;
  error: string;
  code: string;
  details: { field: string; message: string }[];
  hints: string[];
  timestamp: string;
}
