// What is known of the session's namespaces, and what has changed since the panel was opened.
import type { Changes, ClusterEvent, ClusterObject, Usage } from "./types";

export type Change = "new" | "changed" | "removed";

export class State {
  namespaces: string[] = [];
  objects = new Map<string, ClusterObject>();
  events = new Map<string, ClusterEvent>();
  usage: Record<string, Usage> = {};
  isComplete = false;
  isCut = false;
  leftOut: string[] = [];
  /** What there was when the learner began to look. */
  private baseline?: Map<string, ClusterObject>;
  private rebase = false;

  take(changes: Changes) {
    if (changes.namespaces?.length) {
      // the beginning of a stream says everything anew
      this.namespaces = changes.namespaces;
      this.objects.clear();
      this.events.clear();
    }
    for (const object of changes.objects ?? []) this.objects.set(object.id, object);
    for (const id of changes.gone ?? []) this.objects.delete(id);
    for (const event of changes.events ?? []) this.events.set(event.id, event);
    for (const id of changes.gone_events ?? []) this.events.delete(id);
    if (changes.usage) this.usage = changes.usage;
    this.isComplete = changes.is_complete;
    this.isCut = changes.is_cut ?? false;
    this.leftOut = changes.left_out ?? [];
    if (this.isComplete && (!this.baseline || this.rebase)) this.remember();
  }

  /** From now on only what comes later counts as changed. */
  remember() {
    this.rebase = !this.isComplete;
    this.baseline = new Map(this.objects);
  }

  changeOf(id: string): Change | undefined {
    if (!this.baseline || !this.isComplete) return undefined;
    const [now, before] = [this.objects.get(id), this.baseline.get(id)];
    if (!now) return before ? "removed" : undefined;
    if (!before || before.uid !== now.uid) return "new";
    return before.version === now.version ? undefined : "changed";
  }

  /** Objects that are there, and those that were when the learner began to look. */
  all(): ClusterObject[] {
    const gone = this.isComplete ? [...(this.baseline ?? [])].filter(([id]) => !this.objects.has(id)) : [];
    return [...this.objects.values(), ...gone.map(([, object]) => object)];
  }

  find(id: string): ClusterObject | undefined {
    return this.objects.get(id) ?? this.baseline?.get(id);
  }

  exists(id: string): boolean {
    return this.objects.has(id);
  }

  /** Events about an object and what belongs to it, newest first. */
  eventsAbout(id: string): ClusterEvent[] {
    const ids = new Set([id, ...this.below(id).map((object) => object.id)]);
    const found = [...this.events.values()].filter((event) => ids.has(event.about));
    return found.sort((a, b) => (b.last_at ?? "").localeCompare(a.last_at ?? ""));
  }

  /** What an object controls, directly or not. */
  below(id: string): ClusterObject[] {
    const direct = [...this.objects.values()].filter((object) => object.owner === id);
    return direct.flatMap((object) => [object, ...this.below(object.id)]);
  }

  podsBelow(id: string): ClusterObject[] {
    return this.below(id).filter((object) => object.kind === "Pod");
  }
}
