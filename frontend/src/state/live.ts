/** The connection, and the resources that what comes over it keeps up to date. */

import { batch, signal } from "@preact/signals-core";

import type { PulseEvent } from "../api/events";
import type { Feed, FeedListener, FeedStatus } from "../api/feed";

const PATIENCE_MS = 600; // how long first fetches wait for the subscription before they go ahead without it

interface Attached {
  load: () => Promise<void>;
  receive: (events: readonly PulseEvent[]) => void;
  cancel: () => void;
}

type Listener = (events: readonly PulseEvent[]) => void;

export class Live {
  readonly status = signal<FeedStatus>({ kind: "connecting" });

  private readonly feed: Feed;
  private readonly attached = new Set<Attached>();
  private readonly listeners = new Set<Listener>();
  private begun = false; // first fetches wait for the subscription, so that nothing falls between the two

  constructor(open: (listener: FeedListener) => Feed) {
    this.feed = open({
      onStatus: (status) => this.statusChanged(status),
      onEvents: (events) => this.publish(events),
      onRefetch: () => this.refetch(),
    });
  }

  start(): void {
    setTimeout(() => this.begin(), PATIENCE_MS);
    this.feed.start();
  }

  stop(): void {
    this.feed.stop();
  }

  wake(): void {
    this.feed.wake();
  }

  /** Keeps a resource fetched and up to date until the answer is called. */
  attach(resource: Attached): () => void {
    this.attached.add(resource);
    if (this.begun) void resource.load();
    return () => {
      this.attached.delete(resource);
      resource.cancel();
    };
  }

  /** Hears of every event until the answer is called. */
  listen(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Asks for an execution's log lines. `onSync` is called whenever some may have been missed. */
  watchLog(executionId: string, onSync: () => void): () => void {
    return this.feed.watch(executionId, onSync);
  }

  private statusChanged(status: FeedStatus): void {
    this.status.value = status;
    if (status.kind === "waiting") this.begin();
  }

  private begin(): void {
    if (!this.begun) this.refetch();
  }

  private refetch(): void {
    this.begun = true;
    for (const resource of this.attached) void resource.load();
  }

  private publish(events: readonly PulseEvent[]): void {
    batch(() => {
      for (const resource of this.attached) resource.receive(events);
      for (const listener of this.listeners) listener(events);
    });
  }
}
