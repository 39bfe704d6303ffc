import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";

import { address, ApiError, apiFetch, cookie, setHooks } from "./http";

const ENVELOPE = {
  id: "1",
  error: "The payload does not fit.",
  code: "invalid_payload",
  details: [{ field: "path", message: "is missing" }],
  hints: ["Give a path."],
  timestamp: "2025-12-06T02:00:00Z",
};

const realFetch = globalThis.fetch;
let asked: { method: string; url: string; csrf: string; body: string }[] = [];

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part: Buffer) => (body += part.toString()));
  request.on("end", () => {
    const { method = "", url = "", headers } = request;
    asked.push({ method, url, csrf: String(headers["x-csrftoken"] ?? ""), body });
    const status = Number(/status=(\d+)/.exec(url)?.[1] ?? 200);
    response.writeHead(status, { "Content-Type": url.includes("html") ? "text/html" : "application/json" });
    response.end(url.includes("html") ? "<h1>Bad gateway</h1>" : status === 204 ? "" : JSON.stringify(status < 400 ? { ok: 1 } : ENVELOPE));
  });
});

beforeAll(async () => {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo; // it listens on a port, not on a pipe
  const here = `http://127.0.0.1:${port}`;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) => realFetch(here + path, init)); // pages have an origin
  vi.stubGlobal("document", { cookie: "a=1; csrftoken=secret%21; b=2" });
});

afterEach(() => {
  asked = [];
});

afterAll(() => {
  vi.unstubAllGlobals();
  server.close();
});

test("cookies are found by their whole name", () => {
  expect(cookie("b", "ab=1; b=2%3B")).toBe("2;");
  expect(cookie("token", "csrftoken=1")).toBe("");
});

test("parameters without a value are left out of the address", () => {
  expect(address("jobs/", { status: "running", limit: 0, stage: "", task: null, level: undefined })).toBe(
    "/api/pulse/jobs/?status=running&limit=0",
  );
});

test("what writes carries the CSRF token, what reads does not", async () => {
  await apiFetch("x/", { method: "POST", body: { n: 1 } });
  await apiFetch("x/");
  expect(asked).toEqual([
    { method: "POST", url: "/api/pulse/x/", csrf: "secret!", body: '{"n":1}' },
    { method: "GET", url: "/api/pulse/x/", csrf: "", body: "" },
  ]);
});

test("no content is null", async () => {
  expect(await apiFetch("x/", { method: "DELETE", query: { status: 204 } })).toBeNull();
});

test("a refusal is an ApiError with all that the server said", async () => {
  const error = await apiFetch("x/", { query: { status: 400 } }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({
    message: ENVELOPE.error,
    code: ENVELOPE.code,
    status: 400,
    details: ENVELOPE.details,
    hints: ENVELOPE.hints,
  });
});

test("an answer that is not Pulse's own still names its status", async () => {
  const failing = apiFetch("html", { query: { status: 502 } });
  await expect(failing).rejects.toMatchObject({ code: "http", status: 502, message: "The server answered 502 Bad Gateway." });
});

test("an ended session is told to whom it concerns", async () => {
  const onSignedOut = vi.fn();
  setHooks({ onSignedOut });
  await apiFetch("x/", { query: { status: 401 } }).catch(() => undefined);
  expect(onSignedOut).toHaveBeenCalledTimes(1);
});

test("no answer at all is a network error", async () => {
  vi.stubGlobal("fetch", () => realFetch("http://127.0.0.1:1/"));
  await expect(apiFetch("x/")).rejects.toMatchObject({ code: "network", status: 0 });
});
