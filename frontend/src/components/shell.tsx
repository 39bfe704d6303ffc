import type { ComponentChildren, JSX } from "preact";
import { useLocation } from "preact-iso";

import { cookie } from "../api/http";
import type { FeedStatus } from "../api/feed";
import { schedulesPath } from "../lib/paths";
import { formatSpan } from "../lib/time";
import { live } from "../state/app";
import { localNow } from "../state/clock";
import { dismiss, toasts } from "../state/toasts";
import { NamedIcon } from "./icons";

const user = document.querySelector<HTMLMetaElement>("meta[name=pulse-user]")?.content ?? "";

export function Shell({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header class="bar">
        <a class="brand" href={schedulesPath}>
          <NamedIcon name="pulse" class="icon brand-icon" />
          Pulse
        </a>
        <nav aria-label="Main">
          <NavLink href={schedulesPath} below="/schedules/">
            Schedules
          </NavLink>
        </nav>
        <Light status={live.status.value} />
        <SignOut />
      </header>
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Toasts />
    </>
  );
}

interface NavLinkProps {
  href: string;
  below: string; // pages whose address begins so belong to it
  children: ComponentChildren;
}

function NavLink({ href, below, children }: NavLinkProps): JSX.Element {
  const { path } = useLocation();
  const here = path === href || path.startsWith(below);
  return (
    <a href={href} {...(here ? { "aria-current": "page" } : {})}>
      {children}
    </a>
  );
}

function Light({ status }: { status: FeedStatus }): JSX.Element {
  return (
    <div class={`light light-${status.kind}`} role="status" title={explain(status)}>
      <span class="light-dot" />
      <span class="light-word">{words(status)}</span>
      {status.kind === "waiting" && (
        <button type="button" class="link" onClick={() => live.wake()}>
          Now
        </button>
      )}
    </div>
  );
}

function words(status: FeedStatus): string {
  switch (status.kind) {
    case "connecting":
      return "Connecting";
    case "live":
      return "Live";
    case "waiting":
      return `Reconnecting in ${formatSpan((status.retryAt - localNow.value) / 1_000)}`;
    case "signed_out":
      return "Signed out";
  }
}

function explain(status: FeedStatus): string {
  if (status.kind === "live") return "Changes appear as they happen.";
  return "What you see may be out of date. Nothing is missed: it is caught up when the connection is back.";
}

function SignOut(): JSX.Element {
  return (
    <form method="post" action="/logout/" class="user">
      <input type="hidden" name="csrfmiddlewaretoken" value={cookie("csrftoken")} />
      {user && <span class="user-name">{user}</span>}
      <button type="submit" class="button button-quiet">
        Log out
      </button>
    </form>
  );
}

function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="alert">
      {toasts.value.map((toast) => (
        <div key={toast.id} class="toast">
          <NamedIcon name="cross" class="icon toast-icon" />
          <div>
            <strong>{toast.title}</strong>
            {toast.lines.map((line) => (
              <p key={line}>{line}</p>
            ))}
          </div>
          <button type="button" class="button button-quiet" aria-label="Dismiss" onClick={() => dismiss(toast.id)}>
            <NamedIcon name="cross" />
          </button>
        </div>
      ))}
    </div>
  );
}
