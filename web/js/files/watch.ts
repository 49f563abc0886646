// Changes of a session's files as they happen. The panels of a page share one stream: a browser has few connections.
import type { Files } from "./api";

export interface FileChange {
  path: string;
  change: "created" | "changed" | "removed" | "missed";
}

/** The server watches no more folders at once. */
const MOST_FOLDERS = 64;
const GATHER_MS = 150;
const RETRY_MS = 5000;
/** How long a page may be out of sight before its stream is closed. */
const HIDDEN_MS = 30_000;

interface Follower {
  folders: Set<string>;
  onChange(change: FileChange): void;
  /** The stream has begun: what changed before was not told. */
  onReady(): void;
}

/** One watcher's part in the stream. */
export interface Following {
  setFolders(folders: Iterable<string>): void;
  dispose(): void;
}

class Stream {
  private readonly followers = new Set<Follower>();
  private source?: EventSource;
  private watched = "";
  private timer?: number;
  private hidden?: number;

  constructor(
    private readonly files: Files,
    private readonly onEmpty: () => void,
  ) {
    document.addEventListener("visibilitychange", this.onVisibility);
  }

  follow(onChange: Follower["onChange"], onReady: Follower["onReady"]): Following {
    const follower: Follower = { folders: new Set(), onChange, onReady };
    this.followers.add(follower);
    return {
      setFolders: (folders) => {
        follower.folders = new Set(folders);
        this.schedule(GATHER_MS);
      },
      dispose: () => {
        this.followers.delete(follower);
        if (this.followers.size) this.schedule(GATHER_MS);
        else this.dispose();
      },
    };
  }

  private schedule(ms: number) {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.open(), ms);
  }

  private open() {
    const folders = [...new Set([...this.followers].flatMap(({ folders }) => [...folders]))].slice(0, MOST_FOLDERS);
    const wanted = [...folders].sort().join("\n");
    const isOpen = this.source && this.source.readyState !== EventSource.CLOSED;
    if (isOpen && wanted === this.watched) return;
    this.close();
    if (!folders.length || document.hidden) return;
    this.watched = wanted;
    const source = new EventSource(this.files.changesUrl(folders));
    this.source = source;
    source.addEventListener("ready", () => this.followers.forEach((follower) => follower.onReady()));
    source.addEventListener("change", (event) => {
      const change = JSON.parse((event as MessageEvent<string>).data) as FileChange;
      this.followers.forEach((follower) => follower.onChange(change));
    });
    // it tries again by itself, unless the server refused
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && source === this.source) this.schedule(RETRY_MS);
    });
  }

  private close() {
    this.source?.close();
    this.source = undefined;
    this.watched = "";
  }

  private readonly onVisibility = () => {
    clearTimeout(this.hidden);
    if (document.hidden) this.hidden = window.setTimeout(() => this.close(), HIDDEN_MS);
    else if (!this.source) this.schedule(0);
  };

  private dispose() {
    clearTimeout(this.timer);
    clearTimeout(this.hidden);
    document.removeEventListener("visibilitychange", this.onVisibility);
    this.close();
    this.onEmpty();
  }
}

const streams = new Map<string, Stream>();

/** Follows the changes of a session's folders. */
export function follow(
  session: string,
  files: Files,
  onChange: (change: FileChange) => void,
  onReady: () => void,
): Following {
  let stream = streams.get(session);
  if (!stream) {
    stream = new Stream(files, () => streams.delete(session));
    streams.set(session, stream);
  }
  return stream.follow(onChange, onReady);
}
