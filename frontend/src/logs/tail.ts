/** Follows one execution's log: a snapshot of its newest lines, then what the socket brings, without gap or double. */

import { signal } from "@preact/signals-core";

import type { PulseEvent } from "../api/events";
import { ApiError } from "../api/http";
import { listLines } from "../api/pulse";
import type { Line, LineListing } from "../api/types";
import { contiguous, fresh } from "./lines";

const FLUSH_MS = 250;
const PAGE = 1_000; // lines a request

export interface TailState {
  kind: "loading" | "ready" | "error";
  total: number; // lines the server has, as far as is known
  error: ApiError | null;
}

/** Where lines go. */
export interface LineSink {
  reset: (lines: readonly Line[]) => void;
  append: (lines: readonly Line[]) => void;
  prepend: (lines: readonly Line[]) => void;
}

/** What the tail needs of the connection. */
export interface LineSource {
  listen: (listener: (events: readonly PulseEvent[]) => void) => () => void;
  watchLog: (executionId: string, onSync: () => void) => () => void;
}

export class LogTail {
  readonly state = signal<TailState>({ kind: "loading", total: 0, error: null });

  private last = 0; // number of the newest line handed on
  private inbox: Line[] = [];
  private told = 0; // number of the newest line that the server has spoken of
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly abort = new AbortController();
  private fetching = false;
  private wantsMore = false; // something asked for a fetch while one was under way
  private endings: (() => void)[] = [];

  constructor(
    private readonly executionId: string,
    private readonly source: LineSource,
    private readonly sink: LineSink,
    private readonly fetchLines: typeof listLines = listLines,
  ) {}

  /** Subscribes and fetches; and fetches again what it may have missed, once the subscription holds. */
  open(): void {
    this.endings = [
      this.source.listen((events) => this.receive(events)),
      this.source.watchLog(this.executionId, () => void this.catchUp()),
    ];
    void this.catchUp();
  }

  close(): void {
    this.abort.abort();
    clearTimeout(this.timer);
    for (const end of this.endings) end();
  }

  /** Fetches what comes after the newest line. The first time, the newest page of all. */
  async catchUp(): Promise<void> {
    this.wantsMore = true;
    if (this.fetching) return;
    this.fetching = true;
    try {
      while (this.takeWish()) await this.fetchNewer();
    } catch (error) {
      if (!this.abort.signal.aborted) this.failed(error);
    } finally {
      this.fetching = false;
    }
  }

  /** Fetches a page of the lines before number `first`. */
  async loadEarlier(first: number): Promise<void> {
    const after = Math.max(0, first - 1 - PAGE);
    const { logs } = await this.fetchLines(this.executionId, after, first - 1 - after, this.abort.signal);
    this.sink.prepend(logs.filter((line) => line.seq < first));
  }

  private takeWish(): boolean {
    const wished = this.wantsMore;
    this.wantsMore = false;
    return wished;
  }

  private async fetchNewer(): Promise<void> {
    let page = await this.page(this.last);
    if (this.last === 0 && page.has_more) page = await this.page(Math.max(0, page.total_count - PAGE));
    this.take(page);
    if (page.has_more) this.wantsMore = true;
  }

  private page(after: number): Promise<LineListing> {
    return this.fetchLines(this.executionId, after, PAGE, this.abort.signal);
  }

  private take({ logs, total_count, has_more }: LineListing): void {
    // What the server does not have after a fetch up to its end was lost: a gap that stays.
    const lines = fresh(has_more ? logs : [...logs, ...this.inbox], this.last);
    if (this.state.value.kind !== "ready") this.sink.reset([]);
    this.state.value = { kind: "ready", total: total_count, error: null };
    this.handOn(lines);
    this.inbox = fresh(this.inbox, this.last);
  }

  private failed(error: unknown): void {
    const known = error instanceof ApiError ? error : new ApiError(String(error), "client");
    const { kind, total } = this.state.value;
    this.state.value = { kind: kind === "ready" ? kind : "error", total, error: known };
  }

  private receive(events: readonly PulseEvent[]): void {
    for (const event of events) {
      if (!("execution_id" in event) || event.execution_id !== this.executionId) continue;
      if (event.type === "log_lines") this.inbox.push(...event.lines);
      if (event.type === "log_lines") this.told = Math.max(this.told, event.last_seq);
      else if (event.type !== "progress") void this.catchUp(); // it began or ended: nothing may be missing
    }
    if (this.told > this.last) this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Hands on what has arrived, up to the first gap. What the socket left out is fetched. */
  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.state.value.kind !== "ready") return; // the snapshot comes first
    const waiting = fresh(this.inbox, this.last);
    const ready = contiguous(waiting, this.last);
    this.handOn(ready);
    this.inbox = waiting.slice(ready.length);
    if (this.told > this.last) void this.catchUp();
  }

  private handOn(lines: Line[]): void {
    const newest = lines.at(-1);
    if (!newest) return;
    this.last = newest.seq;
    this.sink.append(lines);
    const { total } = this.state.value;
    if (newest.seq > total) this.state.value = { ...this.state.value, total: newest.seq };
  }
}
