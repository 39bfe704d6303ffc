import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { PulseEvent } from "./events";
import type { FeedSocket, FeedStatus } from "./feed";
import { backoffMs, compareIds, Feed } from "./feed";

class Wire implements FeedSocket {
  onmessage: FeedSocket["onmessage"] = null;
  onclose: FeedSocket["onclose"] = null;
  readonly sent: Record<string, string>[] = [];
  closed = false;

  constructor(readonly url: string) {}

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, string>); // the feed sends flat objects of texts
  }

  close(): void {
    this.closed = true;
  }

  say(frame: unknown): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  hangUp(code = 1006): void {
    this.onclose?.({ code });
  }
}

let wires: Wire[];
let heard: PulseEvent[];
let statuses: FeedStatus["kind"][];
let refetches: number;
let feed: Feed;

const wire = (): Wire => {
  const newest = wires.at(-1);
  if (!newest) throw new Error("nothing connected");
  return newest;
};

function progress(id: string): unknown {
  return { type: "progress", event_id: id, execution_id: "PX_1", stage: "read", current: 1, total: 2, timestamp: 1 };
}

const heardIds = (): string[] => heard.map((event) => event.event_id);

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  heard = [];
  statuses = [];
  refetches = 0;
  const connect = (url: string): Wire => {
    wires.push(new Wire(url));
    return wire();
  };
  feed = new Feed("ws://here/ws/pulse/", connect, {
    onStatus: (status) => statuses.push(status.kind),
    onEvents: (events) => heard.push(...events),
    onRefetch: () => (refetches += 1),
  });
  feed.start();
});

afterEach(() => {
  feed.stop();
  vi.useRealTimers();
});

test("ids are ordered as numbers, not as texts", () => {
  expect(compareIds("9-0", "10-0")).toBeLessThan(0);
  expect(compareIds("10-9", "10-10")).toBeLessThan(0);
  expect(compareIds("10-10", "10-10")).toBe(0);
});

test("the first retry is quick, then waits double from 3 s to 60 s, within a fifth", () => {
  expect([0, 1, 2, 3, 4, 5, 6, 20].map((attempt) => backoffMs(attempt, 0.5))).toEqual([
    400, 3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000,
  ]);
  expect([backoffMs(1, 0), backoffMs(1, 1)]).toEqual([2_400, 3_600]);
});

describe("the first connection", () => {
  test("subscribes once greeted, and has everything fetched", () => {
    expect(wire().url).toBe("ws://here/ws/pulse/");
    wire().say({ type: "hello", event_id: "5-0" });
    expect(wire().sent).toEqual([{ action: "subscribe", topic: "all" }]);
    expect(refetches).toBe(1);
    expect(statuses).toEqual(["connecting", "live"]);
  });

  test("hands over each event once, in order, and leaves out what it does not know", () => {
    wire().say({ type: "hello", event_id: "5-0" });
    wire().say({ type: "batch", events: [progress("6-0"), { type: "from_the_future", event_id: "6-1" }] });
    wire().say({ type: "batch", events: [progress("5-0"), progress("6-0"), progress("7-0")] });
    expect(heardIds()).toEqual(["6-0", "7-0"]);
  });
});

describe("a lost connection", () => {
  test("is resumed from the last event, without fetching anything again", () => {
    wire().say({ type: "hello", event_id: "5-0" });
    wire().say({ type: "batch", events: [progress("6-0")] });
    wire().hangUp();
    vi.advanceTimersByTime(500);
    expect(wire().url).toBe("ws://here/ws/pulse/?last_event_id=6-0");
    wire().say({ type: "hello", event_id: "9-0" });
    wire().say({ type: "batch", events: [progress("6-0"), progress("7-0"), progress("9-0")] });
    expect(heardIds()).toEqual(["6-0", "7-0", "9-0"]);
    expect(refetches).toBe(1);
    expect(statuses).toEqual(["connecting", "live", "waiting", "connecting", "live"]);
  });

  test("leads to a fetch where the stream no longer reaches back", () => {
    wire().say({ type: "hello", event_id: "5-0" });
    wire().hangUp();
    vi.advanceTimersByTime(500);
    wire().say({ type: "hello", event_id: "900-0" });
    wire().say({ type: "refetch" });
    wire().say({ type: "batch", events: [progress("901-0")] });
    expect(refetches).toBe(2);
    expect(heardIds()).toEqual(["901-0"]);
  });

  test("leads to a fetch where the stream began anew with lower ids", () => {
    wire().say({ type: "hello", event_id: "500-0" });
    wire().hangUp();
    vi.advanceTimersByTime(500);
    wire().say({ type: "hello", event_id: "3-0" });
    wire().say({ type: "batch", events: [progress("4-0")] });
    expect(refetches).toBe(2);
    expect(heardIds()).toEqual(["4-0"]);
  });

  test("is tried again ever more slowly until it holds", () => {
    const waits: number[] = [];
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    for (let round = 0; round < 4; round++) {
      wire().hangUp();
      const [before, began] = [wires.length, Date.now()];
      while (wires.length === before) vi.advanceTimersByTime(100);
      waits.push(Date.now() - began);
    }
    expect(waits).toEqual([400, 3_000, 6_000, 12_000]);
    wire().say({ type: "hello", event_id: "1-0" });
    vi.advanceTimersByTime(6_000);
    wire().hangUp();
    vi.advanceTimersByTime(400);
    expect(wires).toHaveLength(6);
  });

  test("is tried at once when the network is back", () => {
    wire().hangUp();
    feed.wake();
    expect(wires).toHaveLength(2);
    feed.wake();
    expect(wires).toHaveLength(2);
  });

  test("is noticed when nothing answers a ping", () => {
    wire().say({ type: "hello", event_id: "1-0" });
    vi.advanceTimersByTime(25_000);
    expect(wire().sent.at(-1)).toEqual({ action: "ping" });
    wire().say({ type: "pong" });
    vi.advanceTimersByTime(24_000);
    expect(statuses.at(-1)).toBe("live");
    vi.advanceTimersByTime(12_000);
    expect(wires[0]?.closed).toBe(true);
    expect(statuses).toContain("waiting");
  });

  test("is not tried again for someone who is logged out", () => {
    wire().hangUp(4401);
    vi.advanceTimersByTime(100_000);
    expect(wires).toHaveLength(1);
    expect(statuses.at(-1)).toBe("signed_out");
  });
});

describe("watching an execution's log", () => {
  const subscribed = { action: "subscribe", topic: "execution", id: "PX_1" };

  test("says so to the server, and once more after each reconnection", () => {
    const onSync = vi.fn();
    feed.watch("PX_1", onSync);
    expect(wire().sent).toEqual([]);
    wire().say({ type: "hello", event_id: "1-0" });
    expect(wire().sent).toContainEqual(subscribed);
    onSync.mockClear();
    wire().say({ type: "subscribed", topic: "execution", id: "PX_1" });
    wire().say({ type: "subscribed", topic: "execution", id: "PX_2" });
    wire().say({ type: "subscribed", topic: "all" });
    expect(onSync).toHaveBeenCalledTimes(1);
    wire().hangUp();
    vi.advanceTimersByTime(500);
    wire().say({ type: "hello", event_id: "2-0" });
    expect(wire().sent).toContainEqual(subscribed);
  });

  test("asks for what was missed when the server says that something was", () => {
    const onSync = vi.fn();
    wire().say({ type: "hello", event_id: "1-0" });
    feed.watch("PX_1", onSync);
    wire().say({ type: "refetch" });
    expect(onSync).toHaveBeenCalledTimes(1);
  });

  test("ends with the last of its watchers", () => {
    wire().say({ type: "hello", event_id: "1-0" });
    const [first, second] = [feed.watch("PX_1", vi.fn()), feed.watch("PX_1", vi.fn())];
    first();
    expect(wire().sent.filter(({ action }) => action === "unsubscribe")).toEqual([]);
    second();
    expect(wire().sent.at(-1)).toEqual({ action: "unsubscribe", topic: "execution", id: "PX_1" });
  });
});
