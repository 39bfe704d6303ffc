/** Lines for the tests of this folder. */

import type { Line } from "../api/types";

export function line(seq: number, fields: Partial<Line> = {}): Line {
  return {
    id: seq,
    seq,
    execution_id: "PX_1",
    stage: "read",
    task_id: null,
    timestamp: "2025-12-06T02:00:00.123Z",
    level: "info",
    message: `line ${seq}`,
    metadata: null,
    ...fields,
  };
}
