import type { JSX } from "preact";

import type { Stage, StageTask } from "../api/types";
import { formatDuration } from "../lib/time";
import { count } from "../lib/words";

const OPEN_TASKS = 8; // more than this many tasks of a stage are folded away at first

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
  return (
    <ol class="stages">
      {stages.map((stage) => (
        <li key={stage.stage} class={stage.stage === current ? "stage-current" : ""}>
          <Entry
            row={stage}
            name={stage.stage}
            choice={{ stage: stage.stage, task: "" }}
            chosen={chosen}
            onChoose={onChoose}
          />
          <Tasks stage={stage} chosen={chosen} onChoose={onChoose} />
        </li>
      ))}
    </ol>
  );
}

type TasksProps = Pick<StageTreeProps, "chosen" | "onChoose"> & { stage: Stage };

/** The tasks of a stage. Many are folded away; the one named as the stage holds what belongs to no task. */
function Tasks({ stage, chosen, onChoose }: TasksProps): JSX.Element | null {
  const tasks = stage.tasks.filter((task) => task.task_id !== stage.stage);
  if (tasks.length === 0) return null;
  const choice = (task: StageTask): Choice => ({ stage: stage.stage, task: task.task_id });
  return (
    <details class="tasks" open={tasks.length <= OPEN_TASKS || chosen.stage === stage.stage}>
      <summary>{count(tasks.length, "task")}</summary>
      <ol>
        {tasks.map((task) => (
          <li key={task.task_id}>
            <Entry row={task} name={task.task_id} choice={choice(task)} chosen={chosen} onChoose={onChoose} />
          </li>
        ))}
      </ol>
    </details>
  );
}

type EntryProps = Pick<StageTreeProps, "chosen" | "onChoose"> & {
  row: Stage | StageTask;
  name: string;
  choice: Choice;
};

/** One stage or task. Pressed again it lets go. */
function Entry({ row, name, choice, chosen, onChoose }: EntryProps): JSX.Element {
  const pressed = chosen.stage === choice.stage && chosen.task === choice.task;
  const took = Date.parse(row.last_at) - Date.parse(row.first_at);
  return (
    <button
      type="button"
      class="entry"
      title={name}
      aria-pressed={pressed}
      onClick={() => onChoose(pressed ? { stage: "", task: "" } : choice)}
    >
      <span class="entry-name">{name}</span>
      <Marks levels={row.levels} />
      <span class="entry-took">{took > 0 ? formatDuration(took) : ""}</span>
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
