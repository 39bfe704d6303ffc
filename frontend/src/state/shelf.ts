import type { Source } from "./resource";
import { Resource } from "./resource";

const KEPT = 30;

/** Resources by key. The last ones used are kept, so that coming back to a page paints at once. */
export class Shelf<T> {
  private readonly kept = new Map<string, Resource<T>>();

  constructor(private readonly source: (key: string) => Source<T>) {}

  get(key: string): Resource<T> {
    const resource = this.kept.get(key) ?? new Resource(this.source(key));
    this.kept.delete(key);
    this.kept.set(key, resource);
    const oldest = this.kept.keys().next();
    if (this.kept.size > KEPT && !oldest.done) this.kept.delete(oldest.value);
    return resource;
  }
}
