/** The one way to call the API. */

import type { ErrorEnvelope } from "./types";

const ROOT = "/api/pulse/";

/** What went wrong with a call. `code` is part of the API; `network` means that no answer came. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly code: string,
    readonly status = 0,
    readonly details: ErrorEnvelope["details"] = [],
    readonly hints: string[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }
}

interface Hooks {
  /** The session has ended. */
  onSignedOut: () => void;
  /** The server's clock as an answer told it, in unix ms, exact to a second. */
  onServerTime: (ms: number) => void;
}

const hooks: Hooks = { onSignedOut: () => undefined, onServerTime: () => undefined };

export function setHooks(given: Partial<Hooks>): void {
  Object.assign(hooks, given);
}

/** The value of one cookie, or the empty text. */
export function cookie(name: string, jar: string = document.cookie): string {
  const found = jar.split("; ").find((pair) => pair.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
}

export interface Options {
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  body?: unknown;
  query?: Record<string, string | number | null | undefined>;
  signal?: AbortSignal;
}

/** Calls the API below `path` and gives the answer's JSON. Rejects with an ApiError, or an AbortError. */
export async function apiFetch<T>(path: string, options: Options = {}): Promise<T> {
  const response = await send(path, options);
  const date = response.headers.get("Date");
  if (date) hooks.onServerTime(Date.parse(date));
  if (response.status === 401) hooks.onSignedOut();
  if (!response.ok) throw await failure(response);
  const body: unknown = response.status === 204 ? null : await response.json();
  return body as T; // the server's answers are held to these types by its own OpenAPI schema
}

async function send(path: string, { method = "GET", body, query, signal }: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRFToken"] = cookie("csrftoken");
  try {
    return await fetch(address(path, query), {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("Pulse did not answer.", "network", 0, [], ["Check that it runs and that you are online."]);
  }
}

/** The address of `path` with the parameters that have a value. */
export function address(path: string, query: Options["query"] = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `${ROOT}${path}${search && "?"}${search}`;
}

async function failure(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  if (isEnvelope(body)) return new ApiError(body.error, body.code, response.status, body.details, body.hints);
  return new ApiError(`The server answered ${response.status} ${response.statusText}.`.trim(), "http", response.status);
}

function isEnvelope(body: unknown): body is ErrorEnvelope {
  return typeof body === "object" && body !== null && "error" in body && "code" in body;
}
