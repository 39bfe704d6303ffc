import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import type { PulseEvent } from "./events";
import { isPulseEvent } from "./events";
import type { FeedSocket } from "./feed";
import { Feed } from "./feed";

interface Contract {
  events: { type: string; event_id: string }[];
  frames: { type: string }[];
}

/** What the server sends: its own tests hold it to this file. */
const contract = JSON.parse(
  readFileSync(new URL("../../../tests/contract/events.json", import.meta.url), "utf8"),
) as Contract; // the server's tests check its form

/** Every type of event there is: the compiler refuses one that is missing or too many. */
const TYPES: Record<PulseEvent["type"], true> = {
  pulse_execution_started: true,
  pulse_execution_completed: true,
  pulse_execution_failed: true,
  progress: true,
  job_update: true,
  schedule_update: true,
  log_lines: true,
};

describe("the client", () => {
  test.each(contract.events.map((event) => [event.type, event]))("reads the server's %s", (_type, event) => {
    expect(isPulseEvent(event)).toBe(true);
  });

  test("knows the types that the server sends, and no others", () => {
    expect(Object.keys(TYPES).sort()).toEqual([...new Set(contract.events.map(({ type }) => type))].sort());
  });

  test("hands over every event of the contract", () => {
    const heard: PulseEvent[] = [];
    const wire: FeedSocket = { send: () => undefined, close: () => undefined, onmessage: null, onclose: null };
    const ignore = (): void => undefined;
    new Feed("ws://here/", () => wire, {
      onStatus: ignore,
      onRefetch: ignore,
      onEvents: (events) => heard.push(...events),
    }).start();
    wire.onmessage?.({ data: JSON.stringify({ type: "batch", events: contract.events }) });
    expect(heard).toEqual(contract.events);
  });

  test("leaves out what it does not know, or what lacks a field", () => {
    const [started] = contract.events;
    const odd = [null, 7, {}, { ...started, type: "toString" }, { ...started, execution_id: undefined, type: "progress" }];
    expect(odd.map(isPulseEvent)).toEqual([false, false, false, false, false]);
  });
});
