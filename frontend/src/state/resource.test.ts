import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { PulseEvent } from "../api/events";
import { ApiError } from "../api/http";
import { Resource } from "./resource";
import { Shelf } from "./shelf";

const event = (current: number): PulseEvent => ({
  type: "progress",
  event_id: `${current}-0`,
  timestamp: 0,
  execution_id: "PX_1",
  job_id: "JB_1",
  scheduled_job_id: null,
  async_job_id: null,
  stage: "",
  current,
  total: null,
});

/** A resource that counts up by events, whose fetches the test answers. */
function counter(outdates?: (data: number) => boolean) {
  const answers: { give: (value: number) => void; fail: (error: Error) => void }[] = [];
  const resource = new Resource<number>({
    fetch: () => new Promise((give, fail) => answers.push({ give, fail })),
    reduce: (data, told) => (told.type === "progress" ? Math.max(data, told.current) : data),
    ...(outdates ? { outdates } : {}),
  });
  return { resource, answers };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is told while a fetch is under way is not undone by its answer", async () => {
  const { resource, answers } = counter();
  const loading = resource.load();
  resource.receive([event(7)]);
  answers[0]?.give(3);
  await loading;
  expect(resource.data.value).toBe(7);
});

test("the last value stays while it is fetched again, and when that fails", async () => {
  const { resource, answers } = counter();
  const first = resource.load();
  answers[0]?.give(3);
  await first;
  const second = resource.load();
  expect([resource.data.value, resource.loading.value]).toEqual([3, true]);
  answers[1]?.fail(new ApiError("It broke.", "http", 500));
  await second;
  expect([resource.data.value, resource.error.value?.message, resource.loading.value]).toEqual([3, "It broke.", false]);
});

test("an answer that a newer fetch has overtaken changes nothing", async () => {
  const { resource, answers } = counter();
  const [first, second] = [resource.load(), resource.load()];
  answers[1]?.give(2);
  await second;
  answers[0]?.give(1);
  await first;
  expect(resource.data.value).toBe(2);
});

test("a burst of events that only a fetch can explain leads to one fetch", async () => {
  const { resource, answers } = counter(() => true);
  const first = resource.load();
  answers[0]?.give(0);
  await first;
  resource.receive([event(1)]);
  resource.receive([event(2)]);
  vi.advanceTimersByTime(300);
  expect(answers).toHaveLength(2);
});

test("nothing is fetched after it was cancelled", async () => {
  const { resource, answers } = counter(() => true);
  const first = resource.load();
  answers[0]?.give(0);
  await first;
  resource.receive([event(1)]);
  resource.cancel();
  vi.advanceTimersByTime(300);
  expect(answers).toHaveLength(1);
});

test("a shelf remembers the last thirty", () => {
  const shelf = new Shelf<string>((key) => ({ fetch: () => Promise.resolve(key), reduce: (data) => data }));
  const [first, second] = [shelf.get("0"), shelf.get("1")];
  for (let key = 2; key < 30; key++) shelf.get(String(key));
  expect(shelf.get("0")).toBe(first);
  shelf.get("30");
  expect(shelf.get("0")).toBe(first);
  expect(shelf.get("1")).not.toBe(second);
});
