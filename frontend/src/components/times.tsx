/** Times that tick. Each shows the absolute time on hover. */

import type { JSX } from "preact";

import { formatAbsolute, formatCountdown, formatDuration, formatRelative, formatSpan } from "../lib/time";
import { now } from "../state/clock";

interface At {
  at: string;
}

export function Relative({ at }: At): JSX.Element {
  return (
    <time dateTime={at} title={formatAbsolute(at)}>
      {formatRelative(Date.parse(at), now.value)}
    </time>
  );
}

export function Countdown({ at }: At): JSX.Element {
  return (
    <time dateTime={at} title={formatAbsolute(at)}>
      {formatCountdown(Date.parse(at), now.value)}
    </time>
  );
}

/** How long an execution took, or has been running until now. */
export function Duration({ startedAt, ms }: { startedAt: string; ms: number | null }): JSX.Element {
  const text = ms === null ? formatSpan((now.value - Date.parse(startedAt)) / 1_000) : formatDuration(ms);
  return (
    <span class="duration" title={`since ${formatAbsolute(startedAt)}`}>
      {text}
    </span>
  );
}
