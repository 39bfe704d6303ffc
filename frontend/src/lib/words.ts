/** A count with its noun: 1 line, 2,340 lines. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? noun : plural}`;
}

/** The last characters of an id's random part: enough to tell two apart in a list. */
export function shortId(id: string): string {
  return (id.split("_")[1] ?? id).slice(-6);
}
