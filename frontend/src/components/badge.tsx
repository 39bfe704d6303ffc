import type { JSX } from "preact";

import type { ExecutionStatus, JobStatus, ScheduleState } from "../api/types";
import type { IconName } from "./icons";
import { NamedIcon } from "./icons";

export type Status = ExecutionStatus | JobStatus | ScheduleState;

/** Colour and shape of every status; the word is the status itself. */
const MARKS: Record<Status, { tone: string; shape: IconName }> = {
  running: { tone: "purple", shape: "arc" },
  completed: { tone: "green", shape: "check" },
  failed: { tone: "red", shape: "cross" },
  queued: { tone: "grey", shape: "ring" },
  paused: { tone: "amber", shape: "bars" },
  cancelled: { tone: "grey", shape: "slash" },
  active: { tone: "green", shape: "dot" },
  stopping: { tone: "red", shape: "square" },
  inactive: { tone: "red", shape: "slash" },
  deleted: { tone: "grey", shape: "slash" },
};

interface BadgeProps {
  status: Status;
  title?: string;
  large?: boolean;
}

export function Badge({ status, title, large = false }: BadgeProps): JSX.Element {
  const { tone, shape } = MARKS[status];
  return (
    <span class={`badge tone-${tone}${large ? " badge-large" : ""}`} data-status={status} title={title}>
      <NamedIcon name={shape} class={shape === "arc" ? "icon spin" : "icon"} />
      {status}
    </span>
  );
}
