import { afterEach, beforeEach, expect, test, vi } from "vitest";

import type { FeedListener } from "../api/feed";
import { Feed } from "../api/feed";
import { Live } from "./live";

let told: FeedListener;
let live: Live;

beforeEach(() => {
  vi.useFakeTimers();
  live = new Live((listener) => {
    told = listener;
    const silent = { send: () => undefined, close: () => undefined, onmessage: null, onclose: null };
    return new Feed("ws://here/", () => silent, listener);
  });
  live.start();
});
afterEach(() => {
  live.stop();
  vi.useRealTimers();
});

const attached = () => ({ load: vi.fn(() => Promise.resolve()), receive: vi.fn(), cancel: vi.fn() });

test("first fetches wait until the socket is subscribed", () => {
  const resource = attached();
  live.attach(resource);
  expect(resource.load).not.toHaveBeenCalled();
  told.onRefetch();
  expect(resource.load).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(resource.load).toHaveBeenCalledTimes(1);
});

test("first fetches go ahead when the socket takes long, and again once it is there", () => {
  const resource = attached();
  live.attach(resource);
  vi.advanceTimersByTime(600);
  expect(resource.load).toHaveBeenCalledTimes(1);
  told.onRefetch();
  expect(resource.load).toHaveBeenCalledTimes(2);
});

test("first fetches do not wait for a socket that cannot be had", () => {
  const resource = attached();
  live.attach(resource);
  told.onStatus({ kind: "waiting", retryAt: 0 });
  expect(resource.load).toHaveBeenCalledTimes(1);
  expect(live.status.value.kind).toBe("waiting");
});

test("events reach what is attached and who listens, until they leave", () => {
  const [resource, listener] = [attached(), vi.fn()];
  const [detach, silence] = [live.attach(resource), live.listen(listener)];
  told.onEvents([]);
  detach();
  silence();
  told.onEvents([]);
  expect([resource.receive, listener, resource.cancel].map((called) => called.mock.calls.length)).toEqual([1, 1, 1]);
});
