/** Where things are in this application. */

export const schedulesPath = "/";
export const schedulePath = (id: string): string => `/schedules/${encodeURIComponent(id)}`;
export const executionPath = (id: string): string => `/executions/${encodeURIComponent(id)}`;
export const loginPath = (next: string): string => `/login/?next=${encodeURIComponent(next)}`;
