/** What a section shows while it loads, when there is nothing, and when it cannot be had. */

import type { ComponentChildren, JSX } from "preact";

import type { ApiError } from "../api/http";
import type { Resource } from "../state/resource";
import { NamedIcon } from "./icons";

export function Skeleton({ rows }: { rows: number }): JSX.Element {
  return (
    <div class="skeleton" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class="skeleton-row">
          <span />
          <span />
        </div>
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <NamedIcon name="pulse" class="icon empty-icon" />
      <strong>{title}</strong>
      <p>{children}</p>
    </div>
  );
}

export function Failure({ error, retry }: { error: ApiError; retry: () => void }): JSX.Element {
  return (
    <div class="failure" role="alert">
      <NamedIcon name="cross" class="icon failure-icon" />
      <strong>{error.message}</strong>
      {error.hints.map((hint) => (
        <p key={hint}>{hint}</p>
      ))}
      <button type="button" class="button button-plain" onClick={retry}>
        Try again
      </button>
    </div>
  );
}

/** In place of a whole page whose subject cannot be had. */
export function PageFailure({ title, ...failure }: { title: string; error: ApiError; retry: () => void }): JSX.Element {
  return (
    <div class="page">
      <header class="head">
        <h1>{title}</h1>
      </header>
      <div class="panel">
        <Failure {...failure} />
      </div>
    </div>
  );
}

interface LoadedProps<T> {
  resource: Resource<T>;
  rows: number;
  children: (data: T) => ComponentChildren;
}

/** The data, or what stands for it. Data that cannot be refreshed stays, with the reason above it. */
export function Loaded<T>({ resource, rows, children }: LoadedProps<T>): JSX.Element {
  const data = resource.data.value;
  const error = resource.error.value;
  return (
    <>
      {error && <Failure error={error} retry={() => void resource.load()} />}
      {data === null ? !error && <Skeleton rows={rows} /> : children(data)}
    </>
  );
}
