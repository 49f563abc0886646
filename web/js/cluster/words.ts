// Numbers and states as people read them.
import { make } from "../terminal/element";
import type { Change } from "./state";
import type { ClusterObject, Condition, Severity, Usage } from "./types";

const SYMBOLS: Record<Severity, string> = { good: "●", over: "✓", working: "◐", warning: "▲", bad: "✖" };

export const KINDS: [string, string][] = [
  ["Deployment", "Deployments"],
  ["StatefulSet", "Stateful sets"],
  ["DaemonSet", "Daemon sets"],
  ["CronJob", "Cron jobs"],
  ["Job", "Jobs"],
  ["ReplicaSet", "Replica sets"],
  ["Pod", "Pods"],
  ["Service", "Services"],
  ["Ingress", "Ingresses"],
  ["ConfigMap", "Config maps"],
  ["Secret", "Secrets"],
  ["PersistentVolumeClaim", "Volume claims"],
];

export function plural(kind: string): string {
  return KINDS.find(([name]) => name === kind)?.[1] ?? kind;
}

export function age(since: string | undefined, now = Date.now()): string {
  if (!since) return "";
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

export function used({ cpu_millis, memory_bytes }: Usage): string {
  const mebibytes = memory_bytes / 1024 / 1024;
  const memory = mebibytes < 10 ? mebibytes.toFixed(1) : Math.round(mebibytes).toString();
  return `${cpu_millis}m CPU, ${memory} MiB`;
}

/** A state by colour, symbol and word. */
export function badge({ severity, word }: Condition): HTMLElement {
  const symbol = make("span", { "aria-hidden": "true" }, SYMBOLS[severity]);
  return make("span", { class: `cluster-state is-${severity}` }, symbol, ` ${word}`);
}

export function changeMark(change: Change | undefined): HTMLElement | undefined {
  return change && make("span", { class: `cluster-change is-${change}` }, change);
}

/** The command that opens a shell in a container. */
export function shellCommand(pod: ClusterObject, container: string, mainNamespace: string): string {
  const namespace = pod.namespace === mainNamespace ? "" : ` -n ${pod.namespace}`;
  const which = (pod.containers ?? []).filter((one) => !one.init).length > 1 ? ` -c ${container}` : "";
  return `kubectl exec -it${namespace} ${pod.name}${which} -- sh`;
}
