/** The parts that exist once: the connection of this tab, and what an ended session leads to. */

import { effect } from "@preact/signals-core";

import { Feed } from "../api/feed";
import { setHooks } from "../api/http";
import { openSocket, socketAddress } from "../api/socket";
import { loginPath } from "../lib/paths";
import { onServerTime, startClock } from "./clock";
import { Live } from "./live";

export const live = new Live((listener) => new Feed(socketAddress(location), openSocket, listener));

function signedOut(): void {
  location.assign(loginPath(location.pathname + location.search));
}

export function start(): void {
  setHooks({ onServerTime, onSignedOut: signedOut });
  startClock();
  effect(() => {
    if (live.status.value.kind === "signed_out") signedOut();
  });
  addEventListener("online", () => live.wake());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) live.wake();
  });
  live.start();
}
