import type { FeedSocket } from "./feed";

/** The browser's WebSocket, as much of it as the feed uses. */
export function openSocket(url: string): FeedSocket {
  const real = new WebSocket(url);
  const socket: FeedSocket = {
    send: (text) => real.send(text),
    close: () => real.close(),
    onmessage: null,
    onclose: null,
  };
  real.onmessage = (message: MessageEvent<unknown>) => socket.onmessage?.(message);
  real.onclose = (closed) => socket.onclose?.(closed);
  return socket;
}

/** The socket's address on the server that this page came from. */
export function socketAddress(page: Location): string {
  return `${page.protocol === "https:" ? "wss" : "ws"}://${page.host}/ws/pulse/`;
}
