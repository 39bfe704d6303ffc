/** The current second, as the server counts it. Everything that ticks on the screen reads this one signal. */

import { computed, signal } from "@preact/signals-core";

const SKEW_MS = 2_000; // answers tell the time to a second, so less than this is noise

let offsetMs = 0;

/** Unix ms. */
export const now = signal(Date.now());

/** This machine's own clock in unix ms, ticking along with `now`. */
export const localNow = computed(() => now.value - offsetMs);

/** Learns how far this machine's clock is from the server's. */
export function onServerTime(serverMs: number): void {
  const seen = serverMs - Date.now();
  offsetMs = Math.abs(seen) < SKEW_MS ? 0 : seen;
}

function tick(): void {
  if (!document.hidden) now.value = Date.now() + offsetMs;
  setTimeout(tick, 1_000 - ((Date.now() + offsetMs) % 1_000));
}

export function startClock(): void {
  document.addEventListener("visibilitychange", () => (now.value = Date.now() + offsetMs));
  tick();
}
