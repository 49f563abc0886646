// What crosses the wire (api/src/cluster_view.rs).

export type Severity = "good" | "over" | "working" | "warning" | "bad";

export interface Condition {
  severity: Severity;
  word: string;
  cause?: string;
}

export interface Container {
  name: string;
  image: string;
  init?: boolean;
  state: string;
  ready: boolean;
  restarts: number;
}

export interface ClusterObject {
  id: string;
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  version: string;
  created_at?: string;
  owner?: string;
  is_system?: boolean;
  condition: Condition;
  ready?: { ready: number; wanted: number };
  restarts?: number;
  containers?: Container[];
  facts?: [string, string][];
}

export interface ClusterEvent {
  id: string;
  namespace: string;
  about: string;
  is_warning: boolean;
  reason: string;
  message: string;
  count: number;
  last_at?: string;
}

export interface Usage {
  cpu_millis: number;
  memory_bytes: number;
}

export interface Changes {
  namespaces?: string[];
  objects?: ClusterObject[];
  gone?: string[];
  events?: ClusterEvent[];
  gone_events?: string[];
  usage?: Record<string, Usage>;
  is_complete: boolean;
  is_cut?: boolean;
  left_out?: string[];
}
