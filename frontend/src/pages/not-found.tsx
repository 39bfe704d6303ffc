import type { JSX } from "preact";

import { useTitle } from "../components/use";
import { schedulesPath } from "../lib/paths";

export function NotFoundPage(): JSX.Element {
  useTitle("Not found");
  return (
    <div class="page">
      <header class="head">
        <h1>There is no page here</h1>
      </header>
      <p>
        Start again from the <a href={schedulesPath}>schedules</a>.
      </p>
    </div>
  );
}
