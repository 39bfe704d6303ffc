import { describe, expect, test } from "vitest";

import { formatCountdown, formatDuration, formatInterval, formatRelative, formatSpan } from "./time";

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe("an interval is one whole number of its largest unit, rounded down", () => {
  test.each([
    [0, "0s"],
    [59, "59s"],
    [MINUTE, "1m"],
    [90, "1m"],
    [59 * MINUTE + 59, "59m"],
    [HOUR, "1h"],
    [23 * HOUR + 59 * MINUTE, "23h"],
    [DAY, "1d"],
    [365 * DAY, "365d"],
    [0.9, "0s"],
    [-5, "0s"],
  ])("%d seconds: %s", (seconds, words) => {
    expect(formatInterval(seconds)).toBe(words);
  });
});

describe("a span that ticks shows two units, the second one in two digits", () => {
  test.each([
    [0, "0s"],
    [8.9, "8s"],
    [90, "1m 30s"],
    [4 * MINUTE + 7, "4m 07s"],
    [2 * HOUR + 5 * MINUTE, "2h 05m"],
    [3 * DAY + 4 * HOUR, "3d 04h"],
  ])("%d seconds: %s", (seconds, words) => {
    expect(formatSpan(seconds)).toBe(words);
  });
});

describe("a duration is as exact as it is short", () => {
  test.each([
    [0, "0ms"],
    [850.4, "850ms"],
    [999.6, "1.0s"],
    [3_449, "3.4s"],
    [9_949, "9.9s"],
    [9_950, "10s"],
    [59_499, "59s"],
    [59_500, "1m 00s"],
    [125_000, "2m 05s"],
    [7_500_000, "2h 05m"],
    [-3, "0ms"],
  ])("%d ms: %s", (ms, words) => {
    expect(formatDuration(ms)).toBe(words);
  });
});

describe("a relative time counts from now, both ways", () => {
  test.each([
    [0, "just now"],
    [-999, "just now"],
    [-1_000, "1s ago"],
    [-5 * MINUTE * 1_000, "5m ago"],
    [2 * HOUR * 1_000, "in 2h"],
    [-3 * DAY * 1_000, "3d ago"],
  ])("%d ms from now: %s", (offset, words) => {
    expect(formatRelative(1_000_000_000_000 + offset, 1_000_000_000_000)).toBe(words);
  });
});

describe("a countdown ends at now and stays there", () => {
  test.each([
    [20_999, "in 20s"],
    [1_000, "in 1s"],
    [999, "now"],
    [-60_000, "now"],
  ])("%d ms from now: %s", (offset, words) => {
    expect(formatCountdown(1_000_000_000_000 + offset, 1_000_000_000_000)).toBe(words);
  });
});
