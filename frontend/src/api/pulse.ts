/** One function per endpoint that the pages use. */

import { address, apiFetch } from "./http";
import type {
  ExecutionDetail,
  ExecutionListing,
  Job,
  JobListing,
  JobStatus,
  LineListing,
  Schedule,
  ScheduleListing,
  StageListing,
} from "./types";

const id = encodeURIComponent;

export interface Page {
  limit: number;
  offset: number;
}

export const listSchedules = (signal: AbortSignal): Promise<ScheduleListing> =>
  apiFetch("schedules/", { query: { limit: 1000 }, signal });

export const getSchedule = (scheduleId: string, signal: AbortSignal): Promise<Schedule> =>
  apiFetch(`schedules/${id(scheduleId)}/`, { signal });

export const triggerSchedule = (scheduleId: string): Promise<Job> =>
  apiFetch(`schedules/${id(scheduleId)}/trigger/`, { method: "POST", body: {} });

export const pauseSchedule = (scheduleId: string): Promise<Schedule> =>
  apiFetch(`schedules/${id(scheduleId)}/pause/`, { method: "POST", body: {} });

export const resumeSchedule = (scheduleId: string): Promise<Schedule> =>
  apiFetch(`schedules/${id(scheduleId)}/resume/`, { method: "POST", body: {} });

export const deleteSchedule = (scheduleId: string): Promise<null> =>
  apiFetch(`schedules/${id(scheduleId)}/`, { method: "DELETE" });

/** The newest executions over all schedules, newest first. */
export const listExecutions = (page: Page, signal: AbortSignal): Promise<ExecutionListing> =>
  apiFetch("executions/", { query: { ...page }, signal });

/** The executions of one job or one schedule, newest first. */
export const listExecutionsOf = (ownerId: string, page: Page, signal: AbortSignal): Promise<ExecutionListing> =>
  apiFetch(`jobs/${id(ownerId)}/executions/`, { query: { ...page }, signal });

export const getExecution = (executionId: string, signal: AbortSignal): Promise<ExecutionDetail> =>
  apiFetch(`executions/${id(executionId)}/`, { signal });

export const listStages = (executionId: string, signal: AbortSignal): Promise<StageListing> =>
  apiFetch(`executions/${id(executionId)}/stages/`, { signal });

/** Lines after number `after`, oldest first. */
export const listLines = (executionId: string, after: number, limit: number, signal: AbortSignal): Promise<LineListing> =>
  apiFetch(`executions/${id(executionId)}/lines/`, { query: { after, limit }, signal });

export const logTextAddress = (executionId: string): string => address(`executions/${id(executionId)}/logs/`);

export const listJobs = (status: JobStatus, limit: number, signal: AbortSignal): Promise<JobListing> =>
  apiFetch("jobs/", { query: { status, limit }, signal });

export const getJob = (jobId: string, signal: AbortSignal): Promise<Job> => apiFetch(`jobs/${id(jobId)}/`, { signal });

export const cancelJob = (jobId: string): Promise<Job> =>
  apiFetch(`jobs/${id(jobId)}/cancel/`, { method: "POST", body: {} });
