import { useEffect } from "preact/hooks";

import { live } from "../state/app";
import type { Resource } from "../state/resource";

/** Keeps a resource fetched and live while the component is shown. */
export function useLive<T>(resource: Resource<T>): void {
  useEffect(() => live.attach(resource), [resource]);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Pulse` : "Pulse";
  }, [title]);
}
