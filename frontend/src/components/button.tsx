import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { toastFailure } from "../state/toasts";
import type { IconName } from "./icons";
import { NamedIcon } from "./icons";

const CONFIRM_MS = 5_000;

interface ActionProps {
  icon: IconName;
  label: string;
  /** What the button is for, where the label alone does not say it. */
  describe?: string;
  /** Begins the sentence shown when it fails. */
  failure: string;
  run: () => Promise<unknown>;
  /** Asked back before it runs, for what cannot be undone. */
  confirm?: string;
  kind?: "plain" | "primary" | "danger";
}

/** A button that does something on the server: busy while it does, a toast when it fails. */
export function ActionButton(props: ActionProps): JSX.Element {
  const { icon, label, describe, failure, run, confirm, kind = "plain" } = props;
  const [busy, setBusy] = useState(false);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!asking) return undefined;
    const timer = setTimeout(() => setAsking(false), CONFIRM_MS);
    return () => clearTimeout(timer);
  }, [asking]);

  const act = (): void => {
    if (busy) return;
    if (confirm && !asking) return setAsking(true);
    setAsking(false);
    setBusy(true);
    run()
      .catch((error: unknown) => toastFailure(failure, error))
      .finally(() => setBusy(false));
  };

  return (
    <button
      type="button"
      class={`button button-${kind}${asking ? " asking" : ""}`}
      aria-busy={busy}
      aria-label={asking ? `${confirm}: ${describe ?? label}` : (describe ?? label)}
      title={describe ?? label}
      onClick={act}
      onBlur={() => setAsking(false)}
    >
      <NamedIcon name={icon} />
      <Labels label={label} confirm={confirm} asking={asking} />
    </button>
  );
}

/** Both labels lie on top of each other, so that asking back moves nothing. */
function Labels(props: { label: string; confirm: string | undefined; asking: boolean }): JSX.Element {
  return (
    <span class="button-labels">
      <span class={props.asking ? "away" : ""}>{props.label}</span>
      {props.confirm && <span class={props.asking ? "" : "away"}>{props.confirm}</span>}
    </span>
  );
}

export function CopyButton({ text, children }: { text: string; children: ComponentChildren }): JSX.Element {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button type="button" class="copy" title={`Copy ${text}`} onClick={() => setCopied(copyText(text))}>
      <code>{children}</code>
      <NamedIcon name={copied ? "check" : "copy"} />
    </button>
  );
}

/** Copies through a selection: the clipboard API does not exist on plain HTTP. */
function copyText(text: string): boolean {
  const field = document.createElement("textarea");
  field.className = "visually-hidden";
  field.value = text;
  document.body.append(field);
  const focused = document.activeElement;
  field.select();
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- it has no successor where there is no TLS
  const done = document.execCommand("copy");
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
