// Calls of the server: single answers, and streams of server-sent events. An EventSource would not say why a stream is
// refused, and the reason is what a learner needs.
import type { ClusterObject } from "./types";

const PLURALS: Record<string, string> = {
  Deployment: "deployments",
  StatefulSet: "statefulsets",
  DaemonSet: "daemonsets",
  CronJob: "cronjobs",
  Job: "jobs",
  ReplicaSet: "replicasets",
  Pod: "pods",
  Service: "services",
  Ingress: "ingresses",
  ConfigMap: "configmaps",
  Secret: "secrets",
  PersistentVolumeClaim: "persistentvolumeclaims",
};

/** The server's refusal, in its words. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code: string,
  ) {
    super(message);
  }
}

export interface ObjectText {
  yaml: string;
  is_redacted?: boolean;
}

export class Calls {
  private readonly base: string;
  private csrf?: Promise<string>;

  constructor(session: string) {
    this.base = `/api/v1/sessions/${encodeURIComponent(session)}/cluster`;
  }

  async read(object: ClusterObject, values: boolean): Promise<ObjectText> {
    return (await send(`${this.address(object)}?values=${values}`)).json();
  }

  async save(object: ClusterObject, yaml: string): Promise<ObjectText> {
    const headers = { "content-type": "application/json", ...(await this.token()) };
    const body = JSON.stringify({ yaml });
    return (await send(this.address(object), { method: "PUT", headers, body })).json();
  }

  async remove(object: ClusterObject): Promise<void> {
    const address = `${this.address(object)}?uid=${encodeURIComponent(object.uid)}`;
    await send(address, { method: "DELETE", headers: await this.token() });
  }

  /** Streams what runs; returns when the stream ends. */
  follow(onEvent: (name: string, data: string) => void, signal: AbortSignal): Promise<void> {
    return stream(`${this.base}/events`, onEvent, signal);
  }

  /** Streams a log; returns when the stream ends. */
  log(
    pod: ClusterObject,
    container: string,
    previous: boolean,
    onEvent: (name: string, data: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const query = new URLSearchParams({ container, previous: String(previous) });
    const place = `${encodeURIComponent(pod.namespace)}/${encodeURIComponent(pod.name)}`;
    return stream(`${this.base}/pods/${place}/logs?${query}`, onEvent, signal);
  }

  private address({ kind, namespace, name }: ClusterObject): string {
    return `${this.base}/objects/${PLURALS[kind]}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  }

  private async token(): Promise<Record<string, string>> {
    this.csrf ??= send("/api/v1/me")
      .then((answer) => answer.json())
      .then((me) => me.csrf_token);
    try {
      return { "x-csrf-token": await this.csrf };
    } catch (error) {
      this.csrf = undefined;
      throw error;
    }
  }
}

async function send(address: string, init: RequestInit = {}): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(address, { ...init, cache: "no-store" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new Refused("The server can't be reached at the moment. Try again.", 0, "unreachable");
  }
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const detail = typeof problem.detail === "string" ? problem.detail : `the server answered ${answer.status}`;
  throw new Refused(sentence(detail), answer.status, problem.code ?? "");
}

async function stream(address: string, onEvent: (name: string, data: string) => void, signal: AbortSignal) {
  const answer = await send(address, { signal, headers: { accept: "text/event-stream" } });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let unread = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (unread + value).split("\n\n");
    unread = events.pop() ?? "";
    for (const event of events) {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(event) ?? [];
      if (name !== undefined) onEvent(name, data);
    }
  }
}

function sentence(text: string): string {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
