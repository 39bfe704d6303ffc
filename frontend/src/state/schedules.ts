/** The schedules, with the state and the last run that events tell of. */

import type { PulseEvent } from "../api/events";
import { getSchedule, listSchedules } from "../api/pulse";
import type { ExecutionStatus, Schedule, ScheduleListing } from "../api/types";
import { Resource } from "./resource";
import { Shelf } from "./shelf";

/** One schedule after one event. */
export function reduceSchedule(schedule: Schedule, event: PulseEvent): Schedule {
  switch (event.type) {
    case "schedule_update": {
      if (event.scheduled_job_id !== schedule.id) return schedule;
      const { state, next_run_at, last_run_at } = event;
      return { ...schedule, state, next_run_at, last_run_at };
    }
    case "pulse_execution_started":
      if (event.scheduled_job_id !== schedule.id) return schedule;
      return { ...schedule, last_execution_id: event.execution_id, last_status: "running" };
    case "pulse_execution_completed":
      return ended(schedule, event.execution_id, "completed");
    case "pulse_execution_failed":
      return ended(schedule, event.execution_id, "failed");
    case "progress":
    case "job_update":
    case "log_lines":
      return schedule;
  }
}

function ended(schedule: Schedule, executionId: string, status: ExecutionStatus): Schedule {
  return schedule.last_execution_id === executionId ? { ...schedule, last_status: status } : schedule;
}

/** All schedules after one event. What was deleted is gone. */
export function reduceSchedules(listing: ScheduleListing, event: PulseEvent): ScheduleListing {
  const jobs = listing.jobs.map((schedule) => reduceSchedule(schedule, event));
  const present = jobs.filter((schedule) => schedule.state !== "deleted");
  const gone = jobs.length - present.length;
  if (gone > 0) return { ...listing, jobs: present, count: present.length, total: listing.total - gone };
  return jobs.some((schedule, index) => schedule !== listing.jobs[index]) ? { ...listing, jobs } : listing;
}

/** True for the first news of a schedule that is not in the list. */
export function isNewSchedule(listing: ScheduleListing, event: PulseEvent): boolean {
  if (event.type !== "schedule_update" || event.state === "deleted") return false;
  return !listing.jobs.some((schedule) => schedule.id === event.scheduled_job_id);
}

export const schedules = new Resource<ScheduleListing>({
  fetch: listSchedules,
  reduce: reduceSchedules,
  outdates: isNewSchedule,
});

export const scheduleById = new Shelf<Schedule>((id) => ({
  fetch: (signal) => getSchedule(id, signal),
  reduce: reduceSchedule,
}));

/** The name of a schedule, if it was fetched by itself or in the list. */
export function knownName(id: string): string | undefined {
  const schedule = scheduleById.get(id).data.value ?? schedules.data.value?.jobs.find((row) => row.id === id);
  return schedule?.name;
}

/** The listing with one schedule replaced by what the server answered. */
export function withSchedule(listing: ScheduleListing, changed: Schedule): ScheduleListing {
  return { ...listing, jobs: listing.jobs.map((schedule) => (schedule.id === changed.id ? changed : schedule)) };
}
