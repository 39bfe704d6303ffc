import type { JSX } from "preact";

import { NamedIcon } from "./icons";

interface PaginationProps {
  page: number; // from 1
  size: number;
  total: number;
  /** The address of a page. */
  href: (page: number) => string;
}

/** `1-20 of 47` between links to the pages before and after. */
export function Pagination({ page, size, total, href }: PaginationProps): JSX.Element | null {
  const pages = Math.max(1, Math.ceil(total / size));
  if (pages === 1 && page === 1) return null;
  const first = Math.min(total, (page - 1) * size + 1);
  return (
    <nav class="pagination" aria-label="Pages">
      <Step href={page > 1 ? href(page - 1) : null} label="Newer" icon="left" />
      <span class="range">
        {first}–{Math.min(page * size, total)} of {total.toLocaleString("en-US")}
      </span>
      <Step href={page < pages ? href(page + 1) : null} label="Older" icon="right" />
    </nav>
  );
}

function Step({ href, label, icon }: { href: string | null; label: string; icon: "left" | "right" }): JSX.Element {
  const inside = (
    <>
      <NamedIcon name={icon} />
      {label}
    </>
  );
  const name = `button button-plain step-${icon}`;
  if (href) return <a class={name} href={href}>{inside}</a>;
  return <span class={`${name} disabled`} aria-disabled="true">{inside}</span>;
}
