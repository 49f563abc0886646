// The files of a session, over the API. What fails throws a `Problem`, whose message is a sentence for the learner.

export interface FileEntry {
  name: string;
  kind: "file" | "folder" | "link" | "other";
  size_bytes: number;
  mode: number;
  modified_ms: number;
}

export interface FileStatus {
  /** Absolute, without links. */
  path: string;
  entry: FileEntry;
  revision: string;
}

export interface FolderListing {
  path: string;
  entries: FileEntry[];
  is_cut: boolean;
}

export interface FileMatch {
  path: string;
  line: number;
  column: number;
  text: string;
}

/** Why a request was refused. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** Stable, for programs, such as `no_such_file`; empty if the server could not be reached. */
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Whether an error says that there is no such file. */
export const isAbsent = (error: unknown) => error instanceof Problem && error.code === "no_such_file";
/** Whether an error says that the file is no longer the one that was read. */
export const isChanged = (error: unknown) =>
  error instanceof Problem && (error.code === "file_changed" || error.code === "file_exists");

const TRIES = 4;
let token: Promise<string> | undefined;

/** The token without which the server changes nothing. */
function csrf(): Promise<string> {
  token ??= fetch("/api/v1/me", { headers: { Accept: "application/json" } })
    .then((response) => (response.ok ? response.json() : Promise.reject(new Error("not signed in"))))
    .then((me: { csrf_token: string }) => me.csrf_token)
    .catch((error) => {
      token = undefined;
      throw error;
    });
  return token;
}

function sentence(text: string): string {
  const begun = /^[a-z]+ /.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

function problemOf(status: number, text: string): Problem {
  try {
    const { code, detail } = JSON.parse(text) as { code?: string; detail?: string };
    return new Problem(status, code ?? "", sentence(detail || `The server answered ${status}`));
  } catch {
    const message = status >= 502 && status <= 504 ? "The server cannot be reached." : `The server answered ${status}.`;
    return new Problem(status, "", message);
  }
}

const unreachable = () => new Problem(0, "", "The server cannot be reached. Check your network, then try again.");

export class Files {
  private readonly base: string;

  constructor(session: string) {
    this.base = `/api/v1/sessions/${encodeURIComponent(session)}/files`;
  }

  url(place: string, path: string, more = ""): string {
    return `${this.base}${place}?path=${encodeURIComponent(path)}${more}`;
  }

  /** Where a browser saves a file from. */
  contentUrl = (path: string, name?: string) => this.url("/content", path, named(name));
  /** Where a browser saves a folder from, as a tar archive. */
  archiveUrl = (path: string, name?: string) => this.url("/archive", path, named(name));
  changesUrl = (paths: string[]) =>
    `${this.base}/changes?${paths.map((path) => `path=${encodeURIComponent(path)}`).join("&")}`;

  private async send(method: string, url: string, init: RequestInit = {}, tries = TRIES): Promise<Response> {
    const headers = new Headers(init.headers);
    if (method !== "GET") headers.set("X-Csrf-Token", await csrf().catch(() => Promise.reject(unreachable())));
    let response: Response;
    try {
      response = await fetch(url, { ...init, method, headers });
    } catch (error) {
      throw (error as Error).name === "AbortError" ? error : unreachable();
    }
    if (response.ok) return response;
    const problem = problemOf(response.status, await response.text().catch(() => ""));
    if (tries > 1 && problem.code === "foreign_request" && method !== "GET") {
      token = undefined;
      return this.send(method, url, init, 1);
    }
    // somebody types or clicks faster than a person may ask
    if (tries > 1 && problem.status === 429) {
      const secs = Math.min(Number(response.headers.get("retry-after")) || 1, 10);
      await new Promise((resolve) => setTimeout(resolve, secs * 1000));
      return this.send(method, url, init, tries - 1);
    }
    throw problem;
  }

  private json<T>(method: string, url: string, body?: unknown): Promise<T> {
    const init = body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
    return this.send(method, url, init).then((response) => (response.status === 204 ? undefined : response.json()) as T);
  }

  list = (path: string) => this.json<FolderListing>("GET", this.url("", path));
  find = (path: string) => this.json<FileStatus>("GET", this.url("/entry", path));
  remove = (path: string) => this.json<void>("DELETE", this.url("", path));
  makeFolder = (path: string) => this.json<FileStatus>("POST", `${this.base}/folders`, { path });
  copy = (from: string, to: string, overwrite = false) =>
    this.json<void>("POST", `${this.base}/copies`, { from, to, overwrite });
  move = (from: string, to: string, overwrite = false) =>
    this.json<void>("POST", `${this.base}/moves`, { from, to, overwrite });
  search = (path: string, text: string, matchCase: boolean) =>
    this.json<{ matches: FileMatch[]; is_cut: boolean }>(
      "GET",
      this.url("/matches", path, `&text=${encodeURIComponent(text)}&match_case=${matchCase}`),
    );

  /** Reads a file, up to a size. */
  async read(path: string, maxBytes: number): Promise<{ bytes: Uint8Array; revision: string }> {
    const stop = new AbortController();
    const response = await this.send("GET", this.contentUrl(path), { signal: stop.signal });
    const length = Number(response.headers.get("content-length"));
    if (length > maxBytes) {
      stop.abort();
      throw new Problem(413, "file_too_large", `This file has ${sizeOf(length)}, and ${sizeOf(maxBytes)} is the most here.`);
    }
    const bytes = await response.arrayBuffer().catch(() => Promise.reject(unreachable()));
    return { bytes: new Uint8Array(bytes), revision: unquoted(response.headers.get("etag")) };
  }

  /** Writes a file. With a revision it must be what is there; with `null` there must be nothing. */
  async write(path: string, content: string | Uint8Array, revision?: string | null): Promise<FileStatus> {
    const headers: Record<string, string> = { "Content-Type": "application/octet-stream" };
    if (revision) headers["If-Match"] = `"${revision}"`;
    if (revision === null) headers["If-None-Match"] = "*";
    const body = content as BodyInit;
    const response = await this.send("PUT", this.contentUrl(path), { body, headers });
    return (await response.json()) as FileStatus;
  }

  /** Sends a file of the learner's machine, and says how far it got, from 0 to 1. */
  async upload(path: string, file: Blob, isNew: boolean, onProgress: (part: number) => void, signal?: AbortSignal) {
    const csrfToken = await csrf().catch(() => Promise.reject(unreachable()));
    return new Promise<FileStatus>((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("PUT", this.contentUrl(path));
      request.setRequestHeader("X-Csrf-Token", csrfToken);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      if (isNew) request.setRequestHeader("If-None-Match", "*");
      request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
      request.onload = () =>
        request.status < 300
          ? resolve(JSON.parse(request.responseText) as FileStatus)
          : reject(problemOf(request.status, request.responseText));
      request.onerror = () => reject(unreachable());
      request.onabort = () => reject(new Problem(0, "aborted", "The upload was cancelled."));
      signal?.addEventListener("abort", () => request.abort());
      request.send(file);
    });
  }
}

/** The name under which a browser saves it: it goes by what the server says. */
const named = (name?: string) => (name ? `&name=${encodeURIComponent(name)}` : "");

function unquoted(tag: string | null): string {
  return (tag ?? "").replace(/^W\//, "").replace(/^"(.*)"$/, "$1");
}

/** A size for people, such as `1.4 MiB`. */
export function sizeOf(bytes: number): string {
  if (bytes < 1024) return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  const [unit, value] = bytes < 1024 ** 2 ? ["KiB", bytes / 1024] : bytes < 1024 ** 3 ? ["MiB", bytes / 1024 ** 2] : ["GiB", bytes / 1024 ** 3];
  return `${value < 10 ? value.toFixed(1) : Math.round(value as number)} ${unit}`;
}

/** The text of a file; nothing if it is not text. */
export function textOf(bytes: Uint8Array): string | undefined {
  if (bytes.subarray(0, 8192).includes(0)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
