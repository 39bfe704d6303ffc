/** What can be said about log lines without a screen. Lines are told apart and ordered by `seq` alone. */

import type { Level, Line } from "../api/types";

export const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];

/** What to show. Empty texts let everything through. */
export interface LineFilter {
  level: Level; // this one and what is worse
  stage: string;
  task: string;
  text: string;
}

export const EVERYTHING: LineFilter = { level: "debug", stage: "", task: "", text: "" };

/** The lines after number `last`, each once, in order. */
export function fresh(incoming: readonly Line[], last: number): Line[] {
  const bySeq = new Map(incoming.filter((line) => line.seq > last).map((line) => [line.seq, line]));
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** The lines up to the first one that is missing. They start right after number `last`. */
export function contiguous(lines: readonly Line[], last: number): Line[] {
  const end = lines.findIndex((line, index) => line.seq !== last + 1 + index);
  return end === -1 ? [...lines] : lines.slice(0, end);
}

/** The task a line belongs to: its own, or the one named as its stage. */
export function taskOf(line: Line): string {
  return line.task_id ?? line.stage;
}

export function matches(line: Line, filter: LineFilter): boolean {
  if (LEVELS.indexOf(line.level) < LEVELS.indexOf(filter.level)) return false;
  if (filter.stage && line.stage !== filter.stage) return false;
  if (filter.task && taskOf(line) !== filter.task) return false;
  return !filter.text || line.message.toLowerCase().includes(filter.text.toLowerCase());
}

/** The message cut where `text` occurs in it, so that every second part is an occurrence. */
export function cutAt(message: string, text: string): string[] {
  if (!text) return [message];
  const parts: string[] = [];
  const [where, wanted] = [message.toLowerCase(), text.toLowerCase()];
  let from = 0;
  for (let at = where.indexOf(wanted); at !== -1; at = where.indexOf(wanted, from)) {
    parts.push(message.slice(from, at), message.slice(at, at + text.length));
    from = at + text.length;
  }
  return [...parts, message.slice(from)];
}

export interface Metadata {
  words: string; // `key=value`, for behind the message
  texts: [key: string, text: string][]; // values of more than one line, such as a traceback
}

export function readMetadata(metadata: Line["metadata"]): Metadata {
  const entries = Object.entries(metadata ?? {}).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const isText = ([, value]: [string, string]): boolean => value.includes("\n");
  const words = entries.filter((entry) => !isText(entry)).map(([key, value]) => `${key}=${value}`);
  return { words: words.join(" "), texts: entries.filter(isText) };
}
