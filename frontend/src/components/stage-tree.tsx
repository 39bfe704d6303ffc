import type { JSX } from "preact";

import type { Stage, StageTask } from "../api/types";
import { formatDuration } from "../lib/time";
import { count } from "../lib/words";

export interface Choice {
  stage: string;
  task: string;
}

interface StageTreeProps {
  stages: Stage[];
  /** The stage the run is in, while it runs. */
  current: string | null;
  chosen: Choice;
  onChoose: (choice: Choice) => void;
}

/** Stages in order, their tasks below them. Choosing one shows only its lines. */
export function StageTree({ stages, current, chosen, onChoose }: StageTreeProps): JSX.Element {
  const entry = (choice: Choice, row: Stage | StageTask, name: string): JSX.Element => {
    const pressed = chosen.stage === choice.stage && chosen.task === choice.task;
    return (
      <Entry row={row} name={name} pressed={pressed} onClick={() => onChoose(pressed ? { stage: "", task: "" } : choice)} />
    );
  };
  return (
    <ol class="stages">
      {stages.map((stage) => (
        <li key={stage.stage} class={stage.stage === current ? "stage-current" : ""}>
          {entry({ stage: stage.stage, task: "" }, stage, stage.stage)}
          {hasTasks(stage) && (
            <ol class="tasks">
              {stage.tasks.map((task) => (
                <li key={task.task_id}>{entry({ stage: stage.stage, task: task.task_id }, task, task.task_id)}</li>
              ))}
            </ol>
          )}
        </li>
      ))}
    </ol>
  );
}

/** A stage whose only task bears its own name has no tasks worth a line. */
function hasTasks(stage: Stage): boolean {
  return stage.tasks.some((task) => task.task_id !== stage.stage);
}

interface EntryProps {
  row: Stage | StageTask;
  name: string;
  pressed: boolean;
  onClick: () => void;
}

function Entry({ row, name, pressed, onClick }: EntryProps): JSX.Element {
  const took = Date.parse(row.last_at) - Date.parse(row.first_at);
  return (
    <button type="button" class="entry" aria-pressed={pressed} onClick={onClick}>
      <span class="entry-name">{name}</span>
      <Marks levels={row.levels} />
      <span class="entry-took">{formatDuration(took)}</span>
      <span class="entry-count" title={count(row.log_count, "line")}>
        {row.log_count.toLocaleString("en-US")}
      </span>
    </button>
  );
}

function Marks({ levels }: { levels: Stage["levels"] }): JSX.Element {
  return (
    <>
      {levels.error ? <span class="mark tone-red">{count(levels.error, "error")}</span> : null}
      {levels.warn ? <span class="mark tone-amber">{count(levels.warn, "warning")}</span> : null}
    </>
  );
}
