import type { JSX } from "preact";

interface IconProps {
  /** A path on a grid of 16 by 16, drawn as a line. */
  path: string;
  class?: string;
}

function Icon({ path, class: name = "icon" }: IconProps): JSX.Element {
  return (
    <svg class={name} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path d={path} />
    </svg>
  );
}

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7m0-7l-7 7",
  arc: "M8 2.5a5.5 5.5 0 1 1-5.5 5.5",
  ring: "M8 3.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9",
  dot: "M8 5.2a2.8 2.8 0 1 1 0 5.6a2.8 2.8 0 0 1 0-5.6",
  bars: "M5.5 4v8m5-8v8",
  slash: "M8 3a5 5 0 1 1 0 10a5 5 0 0 1 0-10M4.6 11.4l6.8-6.8",
  square: "M4.5 4.5h7v7h-7z",
  play: "M5.5 3.5v9l7-4.5z",
  trash: "M3 4.5h10M6.5 4.5v-2h3v2M4.5 4.5l.6 9h5.8l.6-9",
  left: "M10 3.5L5.5 8l4.5 4.5",
  right: "M6 3.5L10.5 8L6 12.5",
  down: "M8 3v8.5M4.5 8.5L8 12l3.5-3.5M3.5 14h9",
  copy: "M5.5 5.5v-3h8v8h-3m-8-5h8v8h-8z",
  pulse: "M1 8.5h3l2-5.5 3.5 10.5 2-5h3.5",
} as const;

export type IconName = keyof typeof PATHS;

export function NamedIcon({ name, class: className }: { name: IconName; class?: string }): JSX.Element {
  return <Icon path={PATHS[name]} {...(className ? { class: className } : {})} />;
}
