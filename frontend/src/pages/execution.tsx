import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";

import { ExecutionHeader } from "../components/execution-header";
import { LogView } from "../components/log-view";
import { StageTree } from "../components/stage-tree";
import { Empty, Loaded, PageFailure } from "../components/states";
import { useLive, useTitle } from "../components/use";
import { executionPath } from "../lib/paths";
import type { LineFilter } from "../logs/lines";
import { EVERYTHING, LEVELS } from "../logs/lines";
import type { ExecutionView } from "../state/execution";
import { executionById, stagesById } from "../state/execution";

export function ExecutionPage(): JSX.Element {
  const { params } = useRoute();
  const id = params.id ?? "";
  const [filter, setFilter] = useLineFilter(id);
  const resource = executionById.get(id);
  const stages = stagesById.get(id);
  useLive(resource);
  useLive(stages);
  const view = resource.data.value;
  useTitle(view ? `${view.execution.status} · ${view.execution.handler_name}` : "Execution");
  const running = view?.execution.status === "running";
  const error = resource.error.value;
  if (error && !view) return <PageFailure title="Execution" error={error} retry={() => void resource.load()} />;
  return (
    <div class="page">
      <Loaded resource={resource} rows={3}>
        {(data) => <ExecutionHeader view={data} />}
      </Loaded>
      <div class="run">
        <section aria-labelledby="stages-title" class="run-stages panel">
          <h2 id="stages-title">Stages</h2>
          <Loaded resource={stages} rows={3}>
            {(listing) =>
              listing.stages.length > 0 ? (
                <StageTree stages={listing.stages} current={currentStage(view)} chosen={filter} onChoose={setFilter} />
              ) : (
                <Empty title="No stages">The run has named none{running ? " yet" : ""}.</Empty>
              )
            }
          </Loaded>
        </section>
        <LogView key={id} executionId={id} running={running} filter={filter} onFilter={setFilter} />
      </div>
    </div>
  );
}

function currentStage(view: ExecutionView | null): string | null {
  return view?.execution.status === "running" ? (view.job?.stage ?? null) : null;
}

/** The log's filter, kept in the page's address. */
function useLineFilter(id: string): [LineFilter, (change: Partial<LineFilter>) => void] {
  const { query, route } = useLocation();
  const { level = "", stage = "", task = "", text = "" } = query;
  const filter = useMemo(
    () => ({ level: LEVELS.find((known) => known === level) ?? EVERYTHING.level, stage, task, text }),
    [level, stage, task, text],
  );
  const change = (part: Partial<LineFilter>): void => {
    const wanted = Object.entries({ ...filter, ...part }).filter(([, value]) => value !== "" && value !== "debug");
    const search = new URLSearchParams(wanted).toString();
    route(`${executionPath(id)}${search && "?"}${search}`, true);
  };
  return [filter, change];
}
