import type { JSX } from "preact";
import { LocationProvider, Route, Router } from "preact-iso";

import { Shell } from "./components/shell";
import { ExecutionPage } from "./pages/execution";
import { NotFoundPage } from "./pages/not-found";
import { SchedulePage } from "./pages/schedule";
import { SchedulesPage } from "./pages/schedules";

/** Addresses of this application; all others are Django's. */
const OURS = /^\/(?!(admin|api|static|ws|login|logout|healthz)(\/|$))/;

/** A new page begins at its top, for the eye and for the keyboard. */
function arrived(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
}

export function App(): JSX.Element {
  return (
    <LocationProvider scope={OURS}>
      <Shell>
        <Router onRouteChange={arrived}>
          <Route path="/" component={SchedulesPage} />
          <Route path="/schedules/:id" component={SchedulePage} />
          <Route path="/executions/:id" component={ExecutionPage} />
          <Route default component={NotFoundPage} />
        </Router>
      </Shell>
    </LocationProvider>
  );
}
