// What is open in a session's editor, remembered for this browser tab.

interface Memory {
  open: { path: string; anchor: number; head: number }[];
  current: string;
  expanded: string[];
  isSideHidden: boolean;
}

const NOTHING: Memory = { open: [], current: "", expanded: [], isSideHidden: false };
const key = (session: string) => `lectern.editor.${session}`;

export function recall(session: string): Memory {
  try {
    return { ...NOTHING, ...(JSON.parse(sessionStorage.getItem(key(session)) ?? "{}") as Partial<Memory>) };
  } catch {
    return NOTHING;
  }
}

export function remember(session: string, memory: Memory) {
  try {
    sessionStorage.setItem(key(session), JSON.stringify(memory));
  } catch {
    // a browser that keeps nothing, or no more
  }
}
