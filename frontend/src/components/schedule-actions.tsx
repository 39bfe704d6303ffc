import type { JSX } from "preact";

import { pauseSchedule, resumeSchedule, triggerSchedule } from "../api/pulse";
import type { Schedule } from "../api/types";
import { ActionButton } from "./button";

interface ScheduleActionsProps {
  schedule: Schedule;
  /** Hears what the server made of the schedule, ahead of the event. */
  onChange: (schedule: Schedule) => void;
}

/** What a person can do with a schedule in its present state. */
export function ScheduleActions({ schedule, onChange }: ScheduleActionsProps): JSX.Element {
  const { id, name, state } = schedule;
  return (
    <div class="actions">
      <ActionButton
        icon="play"
        label="Run"
        describe={`Run ${name} now`}
        failure={`${name} was not started`}
        run={() => triggerSchedule(id)}
      />
      {state === "active" && (
        <ActionButton
          icon="bars"
          label="Pause"
          describe={`Pause ${name}`}
          failure={`${name} was not paused`}
          run={() => pauseSchedule(id).then(onChange)}
        />
      )}
      {state === "paused" && (
        <ActionButton
          icon="right"
          label="Resume"
          describe={`Resume ${name}`}
          failure={`${name} was not resumed`}
          run={() => resumeSchedule(id).then(onChange)}
        />
      )}
    </div>
  );
}
