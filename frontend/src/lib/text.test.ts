import { expect, test } from "vitest";

import { formatUsd } from "./money";
import { executionPath, loginPath } from "./paths";
import { count, shortId } from "./words";

test.each([
  [0, "$0.00"],
  [0.00001, "$0.00001"],
  [0.0421, "$0.0421"],
  [0.5, "$0.50"],
  [1.2, "$1.20"],
  [1234.567, "$1234.57"],
])("%d dollars are shown as %s", (dollars, words) => {
  expect(formatUsd(dollars)).toBe(words);
});

test("a count agrees with its noun and groups its digits", () => {
  expect([count(1, "line"), count(0, "line"), count(2_340, "line")]).toEqual(["1 line", "0 lines", "2,340 lines"]);
});

test("a short id is the end of the random part", () => {
  expect(shortId("PX_ABCDEFGHJK_1733450123")).toBe("EFGHJK");
  expect(shortId("odd")).toBe("odd");
});

test("ids and addresses cannot break out of a path", () => {
  expect(executionPath("a/../b?c")).toBe("/executions/a%2F..%2Fb%3Fc");
  expect(loginPath("/schedules/x?page=2")).toBe("/login/?next=%2Fschedules%2Fx%3Fpage%3D2");
});
