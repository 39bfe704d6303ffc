/** The socket: connects, resumes where it left off, and hands over each event once and in order. */

import type { PulseEvent } from "./events";
import { isPulseEvent } from "./events";

export type FeedStatus =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "waiting"; retryAt: number } // unix ms of this machine's clock
  | { kind: "signed_out" };

export interface FeedListener {
  onStatus: (status: FeedStatus) => void;
  onEvents: (events: PulseEvent[]) => void;
  /** What is shown may have missed something: fetch it again. */
  onRefetch: () => void;
}

/** As much of a WebSocket as the feed uses. */
export interface FeedSocket {
  send: (text: string) => void;
  close: () => void;
  onmessage: ((message: { data: unknown }) => void) | null;
  onclose: ((closed: { code: number }) => void) | null;
}

interface Frame {
  type: unknown;
  event_id?: unknown;
  events?: unknown;
  topic?: unknown;
  id?: unknown;
  message?: unknown;
}

const SIGNED_OUT = 4401; // the close code for a session that is not logged in
const PING_MS = 25_000;
const PONG_MS = 10_000;
const STEADY_MS = 5_000; // a connection that held this long starts the backoff anew

/** Milliseconds to wait before try `attempt` (from 0): at once but for a moment, then 3 s doubling to 60 s, +-20 %. */
export function backoffMs(attempt: number, random: number = Math.random()): number {
  const base = attempt === 0 ? 400 : Math.min(3_000 * 2 ** (attempt - 1), 60_000);
  return Math.round(base * (0.8 + 0.4 * random));
}

/** Below 0 when stream id `a` is older than `b`. Ids are two numbers, `milliseconds-count`. */
export function compareIds(a: string, b: string): number {
  const [aMs = 0, aCount = 0] = a.split("-").map(Number);
  const [bMs = 0, bCount = 0] = b.split("-").map(Number);
  return aMs - bMs || aCount - bCount;
}

export class Feed {
  private socket: FeedSocket | null = null;
  private lastId: string | null = null;
  private attempt = 0;
  private liveSince: number | null = null;
  private readonly watched = new Map<string, Set<() => void>>(); // execution id -> who watches it
  private timers: { retry?: Timer; ping?: Timer; pong?: Timer } = {};

  constructor(
    private readonly url: string,
    private readonly connect: (url: string) => FeedSocket,
    private readonly listener: FeedListener,
  ) {}

  start(): void {
    this.clearTimers();
    const resume = this.lastId === null ? "" : `?last_event_id=${encodeURIComponent(this.lastId)}`;
    const socket = this.connect(this.url + resume);
    this.socket = socket;
    this.listener.onStatus({ kind: "connecting" });
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code }) => this.closed(socket, code);
  }

  stop(): void {
    this.clearTimers();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** Connects now rather than when the wait is over: the network is back, or somebody looks again. */
  wake(): void {
    if (this.timers.retry !== undefined) this.start();
  }

  /** Asks for the log lines of one execution; call the answer to end it.
   *
   * `onSync` is called whenever lines may have been missed: once subscribed, and again after each interruption.
   */
  watch(executionId: string, onSync: () => void): () => void {
    const watchers = this.watched.get(executionId) ?? new Set();
    this.watched.set(executionId, watchers.add(onSync));
    this.tell("subscribe", executionId);
    return () => this.unwatch(executionId, onSync);
  }

  private unwatch(executionId: string, onSync: () => void): void {
    const watchers = this.watched.get(executionId);
    watchers?.delete(onSync);
    if (watchers?.size !== 0) return;
    this.watched.delete(executionId);
    this.tell("unsubscribe", executionId);
  }

  private tell(action: "subscribe" | "unsubscribe", id: string): void {
    if (this.liveSince !== null) this.send({ action, topic: "execution", id });
  }

  private send(message: Record<string, string>): void {
    this.socket?.send(JSON.stringify(message));
  }

  private receive(data: unknown): void {
    const frame = readFrame(data);
    clearTimeout(this.timers.pong);
    switch (frame?.type) {
      case "hello":
        return this.greeted(typeof frame.event_id === "string" ? frame.event_id : null);
      case "batch":
        return this.batch(frame.events);
      case "refetch":
        return this.lost(null);
      case "subscribed":
        return this.sync(frame.id);
      case "error":
        console.error("the event socket refused a message:", frame.message);
    }
  }

  private greeted(newestId: string | null): void {
    this.liveSince = Date.now();
    this.send({ action: "subscribe", topic: "all" });
    for (const id of this.watched.keys()) this.tell("subscribe", id);
    this.timers.ping = setInterval(() => this.ping(), PING_MS);
    const restarted = this.lastId !== null && newestId !== null && compareIds(newestId, this.lastId) < 0;
    this.listener.onStatus({ kind: "live" });
    if (this.lastId === null || restarted) this.lost(newestId);
  }

  /** The stream cannot tell what was missed. From here on it is followed from `next`, or from its next event. */
  private lost(next: string | null): void {
    this.lastId = next;
    this.listener.onRefetch();
    for (const id of this.watched.keys()) this.sync(id);
  }

  private sync(executionId: unknown): void {
    if (typeof executionId !== "string") return;
    for (const onSync of this.watched.get(executionId) ?? []) onSync();
  }

  private batch(events: unknown): void {
    if (!Array.isArray(events)) return;
    const fresh = events.filter(isPulseEvent).filter((event) => this.isNew(event.event_id));
    if (fresh.length > 0) this.listener.onEvents(fresh);
  }

  private isNew(id: string): boolean {
    if (this.lastId !== null && compareIds(id, this.lastId) <= 0) return false;
    this.lastId = id;
    return true;
  }

  /** A connection can be dead without a word: no answer to a ping ends it. */
  private ping(): void {
    this.send({ action: "ping" });
    const socket = this.socket;
    this.timers.pong = setTimeout(() => socket && this.drop(socket), PONG_MS);
  }

  private drop(socket: FeedSocket): void {
    socket.close();
    this.closed(socket, 1006);
  }

  private closed(socket: FeedSocket, code: number): void {
    if (socket !== this.socket) return;
    const steady = this.liveSince !== null && Date.now() - this.liveSince >= STEADY_MS;
    this.socket = null;
    this.liveSince = null;
    this.clearTimers();
    if (code === SIGNED_OUT) return this.listener.onStatus({ kind: "signed_out" });
    if (steady) this.attempt = 0;
    const wait = backoffMs(this.attempt++);
    this.timers.retry = setTimeout(() => this.start(), wait);
    this.listener.onStatus({ kind: "waiting", retryAt: Date.now() + wait });
  }

  private clearTimers(): void {
    clearTimeout(this.timers.retry);
    clearInterval(this.timers.ping);
    clearTimeout(this.timers.pong);
    this.timers = {};
  }
}

type Timer = ReturnType<typeof setTimeout>;

function readFrame(data: unknown): Frame | null {
  if (typeof data !== "string") return null;
  const value: unknown = JSON.parse(data);
  return typeof value === "object" && value !== null && "type" in value ? value : null;
}
