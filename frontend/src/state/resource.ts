/** One thing fetched from the server and kept up to date by events. */

import { signal } from "@preact/signals-core";

import type { PulseEvent } from "../api/events";
import { ApiError } from "../api/http";

const SETTLE_MS = 250; // events that ask for a fetch come in bursts

export interface Source<T> {
  fetch: (signal: AbortSignal) => Promise<T>;
  /** The data after one event. Pure, and harmless when the data already knows of it. */
  reduce: (data: T, event: PulseEvent) => T;
  /** True when only a fetch can tell what the event means for the data. */
  outdates?: (data: T, event: PulseEvent) => boolean;
  /** Milliseconds between two fetches asked for by events, at least. */
  everyMs?: number;
}

export class Resource<T> {
  /** Null until the first answer. It stays while a later fetch is under way, or fails. */
  readonly data = signal<T | null>(null);
  readonly error = signal<ApiError | null>(null);
  readonly loading = signal(false);

  private abort: AbortController | null = null;
  private meanwhile: PulseEvent[] = []; // events that came while a fetch was under way
  private reload: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly source: Source<T>) {}

  /** Fetches. An answer that is no longer wanted, because another fetch began, changes nothing. */
  async load(): Promise<void> {
    this.cancel();
    const abort = new AbortController();
    this.abort = abort;
    this.loading.value = true;
    this.meanwhile = [];
    try {
      const fetched = await this.source.fetch(abort.signal);
      if (abort.signal.aborted) return;
      // Subscribed first, then fetched: what was told since may or may not be in the answer already.
      this.data.value = this.meanwhile.reduce(this.source.reduce, fetched);
      this.error.value = null;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.error.value = error instanceof ApiError ? error : new ApiError(String(error), "client");
    }
    this.abort = null;
    this.loading.value = false;
  }

  receive(events: readonly PulseEvent[]): void {
    if (this.abort) this.meanwhile.push(...events);
    const data = this.data.value;
    if (data === null) return;
    this.data.value = events.reduce(this.source.reduce, data);
    if (events.some((event) => this.source.outdates?.(data, event))) this.loadSoon();
  }

  /** Changes the data at once, ahead of the event that will say the same. */
  patch(change: (data: T) => T): void {
    if (this.data.value !== null) this.data.value = change(this.data.value);
  }

  cancel(): void {
    clearTimeout(this.reload);
    this.reload = undefined;
    this.abort?.abort();
    this.abort = null;
  }

  private loadSoon(): void {
    this.reload ??= setTimeout(() => {
      this.reload = undefined;
      void this.load();
    }, this.source.everyMs ?? SETTLE_MS);
  }
}
