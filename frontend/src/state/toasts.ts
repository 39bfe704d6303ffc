/** Short messages about actions: what failed and what to do. */

import { signal } from "@preact/signals-core";

import { ApiError } from "../api/http";

const SHOWN_MS = 9_000;

export interface Toast {
  id: number;
  title: string;
  lines: string[];
}

export const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Says that something the user asked for did not happen. */
export function toastFailure(title: string, error: unknown): void {
  const lines = error instanceof ApiError ? wordsOf(error) : [String(error)];
  const toast = { id: ++lastId, title, lines };
  toasts.value = [...toasts.value, toast];
  setTimeout(() => dismiss(toast.id), SHOWN_MS);
}

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

function wordsOf(error: ApiError): string[] {
  const fields = error.details.map(({ field, message }) => (field ? `${field}: ${message}` : message));
  return [error.message, ...fields, ...error.hints];
}
