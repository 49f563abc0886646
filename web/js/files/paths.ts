// Paths of a session's files, as labs and people write them.

/** The path without `$HOME`, doubled slashes and dots: `~/x` or absolute. */
export function clean(path: string): string {
  let rest = path.trim().replace(/^(?:\$HOME|\$\{HOME\})(?=\/|$)/, "~");
  const isAbsolute = rest.startsWith("/");
  if (!isAbsolute) rest = rest.replace(/^~(?=\/|$)/, "");
  const parts: string[] = [];
  for (const part of rest.split("/")) {
    if (part === "..") parts.pop();
    else if (part && part !== ".") parts.push(part);
  }
  return isAbsolute ? `/${parts.join("/")}` : parts.length ? `~/${parts.join("/")}` : "~";
}

/** The absolute path, where the home directory is known. */
export function absolute(path: string, home: string): string {
  const cleaned = clean(path);
  return cleaned === "~" ? home : cleaned.startsWith("~/") ? join(home, cleaned.slice(2)) : cleaned;
}

/** The path for people: below the home directory with `~`. */
export function shown(path: string, home: string): string {
  return path === home ? "~" : path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

export function join(folder: string, name: string): string {
  return folder.endsWith("/") ? folder + name : `${folder}/${name}`;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1) || path;
}

export function folderOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at < 0 ? "~" : at === 0 ? "/" : path.slice(0, at);
}

/** Whether a path is another one, or below it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
}

/** What is wrong with a name that somebody typed; nothing if it is fine. Slashes make folders. */
export function faultOf(name: string): string | undefined {
  if (!name.trim()) return "Type a name.";
  if (name.includes("\0") || name.split("/").some((part) => part === ".." || part === ".")) return "This is no name for a file.";
  if (name.split("/").some((part) => new TextEncoder().encode(part).length > 255)) return "This name is too long.";
  return undefined;
}
