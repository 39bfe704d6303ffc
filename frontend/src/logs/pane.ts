/** Shows log lines in an element of its own. No framework touches what is inside. */

import type { Line } from "../api/types";
import { count } from "../lib/words";
import { formatAbsolute, formatClock } from "../lib/time";
import type { LineFilter } from "./lines";
import { cutAt, EVERYTHING, matches, readMetadata } from "./lines";

const SHOWN_LINES = 5_000;
const NEAR_END_PX = 48;
const BLOCK_LINES = 100; // laid out apart from the others: with 5,000 siblings each new line would move them all

export class LogPane {
  private lines: Line[] = [];
  private filter: LineFilter = EVERYTHING;
  private following = true;
  private unread = 0;
  private shown = 0; // lines that pass the filter
  private readonly list = element("div", "log-lines");
  private readonly jump = element("button", "log-jump");
  private readonly resized = new ResizeObserver(() => {
    if (this.following) this.toEnd(); // blocks out of sight have an estimated height until they are seen
  });

  /** `onChange` hears which lines are loaded, and how many of them are shown. `limit` grows with earlier lines. */
  constructor(
    private readonly host: HTMLElement,
    private readonly onChange: (loaded: readonly Line[], shown: number) => void,
    private limit = SHOWN_LINES,
  ) {
    this.jump.hidden = true;
    this.jump.addEventListener("click", () => this.follow());
    host.addEventListener("scroll", this.scrolled, { passive: true });
    host.append(this.list, this.jump);
    this.resized.observe(this.list);
  }

  destroy(): void {
    this.host.removeEventListener("scroll", this.scrolled);
    this.resized.disconnect();
    this.host.replaceChildren();
  }

  reset(lines: readonly Line[]): void {
    this.lines = [...lines];
    this.render();
  }

  append(lines: readonly Line[]): void {
    const shown = lines.filter((line) => matches(line, this.filter));
    this.lines.push(...lines);
    this.show(shown);
    this.dropOldest();
    if (this.following) this.toEnd();
    else this.countUnread(shown.length);
    this.changed();
  }

  prepend(lines: readonly Line[]): void {
    const before = this.host.scrollHeight - this.host.scrollTop;
    this.limit = Math.max(this.limit, this.lines.length + lines.length);
    this.lines.unshift(...lines);
    const shown = lines.filter((line) => matches(line, this.filter));
    this.shown += shown.length;
    this.list.prepend(...this.blocks(shown));
    this.host.scrollTop = this.host.scrollHeight - before;
    this.changed();
  }

  setFilter(filter: LineFilter): void {
    this.filter = filter;
    this.render();
  }

  /** Goes to the newest line and stays there. */
  follow(): void {
    this.following = true;
    this.toEnd();
    this.countUnread(0);
  }

  private render(): void {
    const shown = this.lines.filter((line) => matches(line, this.filter));
    this.shown = shown.length;
    this.list.replaceChildren(...this.blocks(shown));
    this.follow();
    this.changed();
  }

  /** Fills the last block, then adds new ones. */
  private show(lines: readonly Line[]): void {
    const last = this.list.lastElementChild;
    const room = last ? BLOCK_LINES - last.childElementCount : 0;
    this.shown += lines.length;
    last?.append(...lines.slice(0, room).map((line) => this.row(line)));
    this.list.append(...this.blocks(lines.slice(room)));
  }

  private blocks(lines: readonly Line[]): HTMLElement[] {
    const count = Math.ceil(lines.length / BLOCK_LINES);
    return Array.from({ length: count }, (_, index) => {
      const block = element("div", "log-block");
      const own = lines.slice(index * BLOCK_LINES, (index + 1) * BLOCK_LINES);
      block.append(...own.map((line) => this.row(line)));
      return block;
    });
  }

  private dropOldest(): void {
    const dropped = this.lines.splice(0, Math.max(0, this.lines.length - this.limit));
    for (const line of dropped) if (matches(line, this.filter)) this.dropFirstRow();
  }

  private dropFirstRow(): void {
    const block = this.list.firstElementChild;
    block?.firstElementChild?.remove();
    if (block?.childElementCount === 0) block.remove();
    this.shown -= 1;
  }

  private readonly scrolled = (): void => {
    const { scrollHeight, scrollTop, clientHeight } = this.host;
    this.following = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    if (this.following) this.countUnread(0);
  };

  private toEnd(): void {
    this.host.scrollTop = this.host.scrollHeight;
  }

  private countUnread(added: number): void {
    this.unread = this.following ? 0 : this.unread + added;
    this.jump.hidden = this.unread === 0;
    this.jump.textContent = `${count(this.unread, "new line")} ↓`;
  }

  private changed(): void {
    this.onChange(this.lines, this.shown);
  }

  private row(line: Line): HTMLElement {
    const row = element("div", `log-line log-${line.level}`);
    const time = element("time", "log-time", formatClock(line.timestamp));
    time.title = formatAbsolute(line.timestamp);
    const where = element("span", "log-where", line.task_id ? `${line.stage} › ${line.task_id}` : line.stage);
    where.title = where.textContent;
    const { words, texts } = readMetadata(line.metadata);
    row.append(time, element("span", "log-level", line.level), where, this.message(line, words));
    row.append(...texts.map(([key, text]) => folded(key, text)));
    return row;
  }

  private message(line: Line, words: string): HTMLElement {
    const message = element("span", "log-message");
    const parts = cutAt(line.message, this.filter.text);
    message.append(...parts.map((part, index) => (index % 2 === 1 ? element("mark", "", part) : part)));
    if (words) message.append(element("span", "log-metadata", words));
    return message;
  }
}

/** A long text behind its name, to be unfolded. */
function folded(name: string, text: string): HTMLElement {
  const details = element("details", "log-text");
  details.append(element("summary", "", `${name}, ${count(text.trimEnd().split("\n").length, "line")}`));
  details.append(element("pre", "", text));
  return details;
}

function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  if (text) made.textContent = text;
  return made;
}
