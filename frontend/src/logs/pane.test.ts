// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from "vitest";

import type { Line } from "../api/types";
import { EVERYTHING } from "./lines";
import { LogPane } from "./pane";
import { line } from "./testing";

const LIMIT = 50;

let host: HTMLElement;
let changes: ReturnType<typeof vi.fn<(loaded: readonly Line[], shown: number) => void>>;
let pane: LogPane;

beforeEach(() => {
  host = document.createElement("div");
  changes = vi.fn();
  pane = new LogPane(host, changes, LIMIT);
});

const numbered = (from: number, to: number): Line[] =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));
const messages = (): (string | null)[] => [...host.querySelectorAll(".log-message")].map((row) => row.textContent);
const jump = (): HTMLElement => host.querySelector<HTMLElement>(".log-jump") ?? document.createElement("i");

/** Happy DOM has no layout: this stands in for where the reader is. */
function scrollTo(fromEnd: number): void {
  Object.defineProperty(host, "scrollHeight", { value: 1_000, configurable: true });
  Object.defineProperty(host, "clientHeight", { value: 200, configurable: true });
  host.scrollTop = 800 - fromEnd;
  host.dispatchEvent(new Event("scroll"));
}

test("text goes in as text", () => {
  pane.append([line(1, { message: "<img src=x onerror=alert(1)>", stage: "<b>", metadata: { a: "<i>" } })]);
  expect(host.querySelector("img, b, i")).toBeNull();
  expect(messages()).toEqual(["<img src=x onerror=alert(1)>a=<i>"]);
});

test("a long text is folded away under its name", () => {
  pane.append([line(1, { metadata: { traceback: "Traceback:\n  File <b>\n" } })]);
  expect(host.querySelector("details summary")?.textContent).toBe("traceback, 2 lines");
  expect(host.querySelector("details pre")?.textContent).toBe("Traceback:\n  File <b>\n");
});

test("the oldest lines make room for new ones", () => {
  pane.append(numbered(1, LIMIT));
  pane.append(numbered(LIMIT + 1, LIMIT + 20));
  expect(messages()).toHaveLength(LIMIT);
  expect([messages()[0], messages().at(-1)]).toEqual(["line 21", `line ${LIMIT + 20}`]);
  expect(changes.mock.lastCall?.[0][0]?.seq).toBe(21);
});

test("earlier lines that were asked for stay", () => {
  pane.append(numbered(101, 100 + LIMIT));
  pane.prepend(numbered(1, 100));
  expect([messages().length, messages()[0]]).toEqual([LIMIT + 100, "line 1"]);
});

test("a filter hides lines without forgetting them", () => {
  pane.append([line(1), line(2, { level: "error", message: "It broke" }), line(3)]);
  pane.setFilter({ ...EVERYTHING, level: "error", text: "BROKE" });
  expect(messages()).toEqual(["It broke"]);
  expect(host.querySelector("mark")?.textContent).toBe("broke");
  expect(changes.mock.lastCall?.[1]).toBe(1);
  pane.append([line(4), line(5, { level: "error", message: "It broke again" })]);
  expect(messages()).toEqual(["It broke", "It broke again"]);
  pane.setFilter(EVERYTHING);
  expect(messages()).toHaveLength(5);
});

test("whoever is near the end goes along with it", () => {
  pane.append(numbered(1, 10));
  scrollTo(20);
  pane.append(numbered(11, 12));
  expect([host.scrollTop, jump().hidden]).toEqual([1_000, true]);
});

test("whoever reads further up stays there and hears of new lines", () => {
  pane.append(numbered(1, 10));
  scrollTo(300);
  pane.append(numbered(11, 11));
  expect([host.scrollTop, jump().hidden, jump().textContent]).toEqual([500, false, "1 new line ↓"]);
  pane.append(numbered(12, 13));
  expect(jump().textContent).toBe("3 new lines ↓");
  jump().click();
  expect([host.scrollTop, jump().hidden]).toEqual([1_000, true]);
});

test("nothing is left behind", () => {
  pane.append(numbered(1, 3));
  pane.destroy();
  expect(host.childElementCount).toBe(0);
});
