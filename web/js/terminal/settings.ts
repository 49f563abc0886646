// How terminals look and speak, remembered in this browser and shared by all terminals of the page.
import { sizes } from "./theme";

export interface Settings {
  fontSize: number;
  /** Whether output is readable for screen readers, which is slower. */
  screenReader: boolean;
}

const keys = { fontSize: "lectern.terminal-size", screenReader: "lectern.screen-reader" };
const followers = new Set<(settings: Settings) => void>();

function load(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    // storage is blocked
    return null;
  }
}

function bounded(size: number): number {
  return Number.isFinite(size) ? Math.min(Math.max(size, sizes.smallest), sizes.largest) : sizes.usual;
}

export const settings: Settings = {
  fontSize: bounded(Number.parseFloat(load(keys.fontSize) ?? `${sizes.usual}`)),
  screenReader: load(keys.screenReader) === "on",
};

/** Calls `follow` now and at each change, until the returned function is called. */
export function followSettings(follow: (settings: Settings) => void): () => void {
  followers.add(follow);
  follow(settings);
  return () => followers.delete(follow);
}

export function resizeText(deed: "larger" | "smaller" | "usual") {
  const step = deed === "larger" ? sizes.step : -sizes.step;
  settings.fontSize = deed === "usual" ? sizes.usual : bounded(settings.fontSize + step);
  keep(keys.fontSize, `${settings.fontSize}`);
}

export function setScreenReader(on: boolean) {
  settings.screenReader = on;
  keep(keys.screenReader, on ? "on" : "off");
}

function keep(key: string, value: string) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // storage is blocked: the choice lasts until the page is closed
  }
  for (const follow of followers) follow(settings);
}
