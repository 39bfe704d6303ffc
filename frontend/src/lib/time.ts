/** Times and durations in words. All spans are in the unit their name says; wire times are RFC3339 texts. */

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** A span as one whole number of its largest unit, rounded down: 59s, 1m, 23h, 365d. */
export function formatInterval(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < MINUTE) return `${s}s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)}m`;
  if (s < DAY) return `${Math.floor(s / HOUR)}h`;
  return `${Math.floor(s / DAY)}d`;
}

/** A span in its two largest units, for what ticks by the second: 8s, 4m 07s, 2h 05m, 3d 04h. */
export function formatSpan(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < MINUTE) return `${s}s`;
  if (s < HOUR) return `${Math.floor(s / MINUTE)}m ${two(s % MINUTE)}s`;
  if (s < DAY) return `${Math.floor(s / HOUR)}h ${two(Math.floor((s % HOUR) / MINUTE))}m`;
  return `${Math.floor(s / DAY)}d ${two(Math.floor((s % DAY) / HOUR))}h`;
}

/** How long something took: 0ms, 850ms, 3.4s, 42s, 4m 07s. */
export function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole}ms`;
  if (whole < 9_950) return `${(whole / 1_000).toFixed(1)}s`;
  return formatSpan(Math.round(whole / 1_000));
}

/** How far a time lies from now: just now, 5m ago, in 2h. */
export function formatRelative(at: number, now: number): string {
  const seconds = (at - now) / 1_000;
  if (Math.abs(seconds) < 1) return "just now";
  return seconds > 0 ? `in ${formatInterval(seconds)}` : `${formatInterval(-seconds)} ago`;
}

/** How long until a time: in 4m 07s; `now` in its last second and after. */
export function formatCountdown(at: number, now: number): string {
  const seconds = Math.floor((at - now) / 1_000);
  return seconds > 0 ? `in ${formatSpan(seconds)}` : "now";
}

const absolute = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

/** The full local date and time with its zone. */
export function formatAbsolute(at: string): string {
  return absolute.format(Date.parse(at));
}

/** The local time of day to the millisecond: 02:00:00.123. */
export function formatClock(at: string): string {
  const t = new Date(at);
  const time = [t.getHours(), t.getMinutes(), t.getSeconds()].map(two).join(":");
  return `${time}.${String(t.getMilliseconds()).padStart(3, "0")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
