import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { LogLines, PulseEvent } from "../api/events";
import type { Line, LineListing } from "../api/types";
import { LogTail } from "./tail";
import { line } from "./testing";

/** A server with a log, the socket's side of it, and where its lines end up. */
class Stage {
  readonly log: Line[] = [];
  readonly asked: [after: number, limit: number][] = [];
  readonly shown: number[] = [];
  broken = false;
  hear: (events: readonly PulseEvent[]) => void = () => undefined;
  sync: () => void = () => undefined;

  readonly tail = new LogTail(
    "PX_1",
    {
      listen: (listener) => {
        this.hear = listener;
        return () => (this.hear = () => undefined);
      },
      watchLog: (_id, onSync) => {
        this.sync = onSync;
        return () => (this.sync = () => undefined);
      },
    },
    {
      reset: () => (this.shown.length = 0),
      append: (lines) => this.shown.push(...lines.map(({ seq }) => seq)),
      prepend: (lines) => this.shown.unshift(...lines.map(({ seq }) => seq)),
    },
    (_id, after, limit) => this.answer(after, limit),
  );

  write(from: number, to: number): Line[] {
    const written = Array.from({ length: to - from + 1 }, (_, index) => line(from + index));
    this.log.push(...written);
    return written;
  }

  tell(lines: Line[], last = this.log.at(-1)?.seq ?? 0): void {
    const event: LogLines = {
      type: "log_lines",
      event_id: "1-0",
      timestamp: 0,
      execution_id: "PX_1",
      async_job_id: null,
      last_seq: last,
      lines,
    };
    this.hear([event]);
  }

  private answer(after: number, limit: number): Promise<LineListing> {
    if (this.broken) return Promise.reject(new Error("no answer"));
    this.asked.push([after, limit]);
    const later = this.log.filter(({ seq }) => seq > after);
    const logs = later.slice(0, limit);
    return Promise.resolve({ job_id: null, total_count: this.log.length, logs, has_more: later.length > limit });
  }
}

const upTo = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

let stage: Stage;
const settle = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms);

beforeEach(() => {
  vi.useFakeTimers();
  stage = new Stage();
});
afterEach(() => {
  stage.tail.close();
  vi.useRealTimers();
});

test("a short log is shown whole", async () => {
  stage.write(1, 3);
  stage.tail.open();
  await settle();
  expect(stage.shown).toEqual([1, 2, 3]);
  expect(stage.tail.state.value).toEqual({ kind: "ready", total: 3, error: null });
});

test("of a long log the newest page is shown, and earlier pages when asked for", async () => {
  stage.write(1, 2_500);
  stage.tail.open();
  await settle();
  expect(stage.shown).toEqual(upTo(1_501, 2_500));
  await stage.tail.loadEarlier(1_501);
  expect(stage.shown).toEqual(upTo(501, 2_500));
  await stage.tail.loadEarlier(501);
  expect(stage.shown).toEqual(upTo(1, 2_500));
  expect(stage.asked).toEqual([
    [0, 1_000],
    [1_500, 1_000],
    [500, 1_000],
    [0, 500],
  ]);
});

test("lines that come while the snapshot is fetched are shown once", async () => {
  const first = stage.write(1, 2);
  stage.tail.open();
  stage.tell(first);
  stage.tell(stage.write(3, 3));
  await settle(300);
  expect(stage.shown).toEqual([1, 2, 3]);
});

describe("live lines", () => {
  beforeEach(async () => {
    stage.write(1, 2);
    stage.tail.open();
    await settle();
    stage.asked.length = 0;
  });

  test("are handed on at most four times a second", async () => {
    stage.tell(stage.write(3, 3));
    stage.tell(stage.write(4, 4));
    await settle(200);
    expect(stage.shown).toEqual([1, 2]);
    await settle(50);
    expect(stage.shown).toEqual([1, 2, 3, 4]);
    expect(stage.asked).toEqual([]);
  });

  test("that leave a gap have it filled before they are shown", async () => {
    stage.write(3, 4);
    stage.tell(stage.write(5, 5));
    await settle(300);
    expect(stage.shown).toEqual([1, 2, 3, 4, 5]);
    expect(stage.asked).toEqual([[2, 1_000]]);
  });

  test("that end before the newest are completed by a fetch", async () => {
    const [third] = stage.write(3, 9);
    stage.tell(third ? [third] : [], 9);
    await settle(300);
    expect(stage.shown).toEqual(upTo(1, 9));
  });

  test("are shown across a gap that the server has too", async () => {
    stage.tell(stage.write(5, 6));
    await settle(300);
    expect(stage.shown).toEqual([1, 2, 5, 6]);
    await settle(2_000);
    expect(stage.asked).toHaveLength(1);
  });

  test("that were missed are fetched when the socket is subscribed again", async () => {
    stage.write(3, 4);
    stage.sync();
    await settle();
    expect(stage.shown).toEqual([1, 2, 3, 4]);
  });

  test("that were missed are fetched when the execution ends", async () => {
    stage.write(3, 3);
    const end = { event_id: "2-0", timestamp: 0, job_id: "JB_1", scheduled_job_id: null, async_job_id: "JB_1" };
    stage.hear([
      {
        ...end,
        type: "pulse_execution_completed",
        execution_id: "PX_1",
        handler_name: "demo.work",
        duration_ms: 1,
        result_summary: null,
      },
    ]);
    await settle();
    expect(stage.shown).toEqual([1, 2, 3]);
  });

  test("of other executions are not shown", async () => {
    stage.hear([
      { type: "log_lines", event_id: "1-0", timestamp: 0, execution_id: "PX_2", async_job_id: null, last_seq: 3, lines: [line(3)] },
    ]);
    await settle(300);
    expect(stage.shown).toEqual([1, 2]);
  });

  test("are not shown any more once the tail is closed", async () => {
    stage.tell(stage.write(3, 3));
    stage.tail.close();
    await settle(300);
    expect(stage.shown).toEqual([1, 2]);
  });
});

test("a snapshot that cannot be had is said, and can be tried again", async () => {
  stage.write(1, 1);
  stage.broken = true;
  stage.tail.open();
  await settle();
  expect(stage.tail.state.value).toMatchObject({ kind: "error", error: { message: "Error: no answer" } });
  stage.broken = false;
  await stage.tail.catchUp();
  expect(stage.tail.state.value.kind).toBe("ready");
  expect(stage.shown).toEqual([1]);
});
