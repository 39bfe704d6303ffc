import type { JSX } from "preact";

interface ProgressProps {
  label: string;
  current: number;
  total: number | null; // null: how much there is to do is not known
}

export function ProgressBar({ label, current, total }: ProgressProps): JSX.Element {
  const share = total ? Math.min(1, current / total) : null;
  return (
    <div
      class={`progress${share === null ? " progress-unknown" : ""}`}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === null ? {} : { "aria-valuenow": Math.round(share * 100) })}
    >
      <span style={{ width: share === null ? "30%" : `${share * 100}%` }} />
    </div>
  );
}

/** `1,200 of 5,000 · 24 %`, or only what is known of it. */
export function progressWords(current: number, total: number | null): string {
  const done = current.toLocaleString("en-US");
  if (!total) return current > 0 ? `${done} done` : "";
  return `${done} of ${total.toLocaleString("en-US")} · ${Math.floor((100 * current) / total)} %`;
}
