import { describe, expect, test } from "vitest";

import type { Line } from "../api/types";
import type { LineFilter } from "./lines";
import { contiguous, cutAt, EVERYTHING, fresh, matches, readMetadata, taskOf } from "./lines";
import { line } from "./testing";

const seqs = (lines: Line[]): number[] => lines.map(({ seq }) => seq);
const lines = (...numbers: number[]): Line[] => numbers.map((seq) => line(seq));

test("fresh lines are those after the last one, each once, in order", () => {
  expect(seqs(fresh(lines(5, 3, 4, 4, 2, 1), 2))).toEqual([3, 4, 5]);
});

test("equal messages in one instant are different lines", () => {
  const twice = [line(1, { message: "again" }), line(2, { message: "again" })];
  expect(fresh(twice, 0)).toHaveLength(2);
});

test("contiguous lines end at the first one missing", () => {
  expect(seqs(contiguous(lines(3, 4, 6, 7), 2))).toEqual([3, 4]);
  expect(seqs(contiguous(lines(4), 2))).toEqual([]);
  expect(seqs(contiguous(lines(3, 4), 2))).toEqual([3, 4]);
});

test("a line without a task belongs to the one named as its stage", () => {
  expect([taskOf(line(1, { stage: "read" })), taskOf(line(1, { stage: "read", task_id: "batch-1" }))]).toEqual([
    "read",
    "batch-1",
  ]);
});

describe("a filter", () => {
  const warning = line(1, { level: "warn", stage: "check", task_id: "batch-2", message: "Row 7 has no Name" });
  test.each<[Partial<LineFilter>, boolean]>([
    [{}, true],
    [{ level: "info" }, true],
    [{ level: "warn" }, true],
    [{ level: "error" }, false],
    [{ stage: "check" }, true],
    [{ stage: "read" }, false],
    [{ task: "batch-2" }, true],
    [{ task: "check" }, false],
    [{ text: "no name" }, true],
    [{ text: "no nombre" }, false],
  ])("%o lets a warning through: %s", (part, passes) => {
    expect(matches(warning, { ...EVERYTHING, ...part })).toBe(passes);
  });
});

test("a message is cut at each occurrence, whatever its case, and put together again it is whole", () => {
  const parts = cutAt("Ann met ann and ANN", "ann");
  expect(parts).toEqual(["", "Ann", " met ", "ann", " and ", "ANN", ""]);
  expect(parts.join("")).toBe("Ann met ann and ANN");
  expect(cutAt("nothing here", "x")).toEqual(["nothing here"]);
  expect(cutAt("all of it", "")).toEqual(["all of it"]);
});

test("metadata is words behind the message, and texts where it has more than one line", () => {
  const trace = "Traceback:\n  File 1";
  expect(readMetadata({ row: 7, who: "C-1042", tags: ["a"], traceback: trace })).toEqual({
    words: 'row=7 who=C-1042 tags=["a"]',
    texts: [["traceback", trace]],
  });
  expect(readMetadata(null)).toEqual({ words: "", texts: [] });
});
