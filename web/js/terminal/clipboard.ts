// Copying and pasting. Over plain http browsers have no clipboard API: there, what they offer to any text field is used.
import type { Terminal } from "@xterm/xterm";
import { copyText } from "../clipboard";

/** Copies the selection. Returns whether there was one. */
export function copySelection(terminal: Terminal): boolean {
  if (!terminal.hasSelection()) return false;
  void copyText(terminal.getSelection());
  return true;
}

/** Whether a click can paste. Keys can always: the browser gives them the text itself. */
export function canPasteByClick(): boolean {
  return typeof navigator.clipboard?.readText === "function";
}

/** Pastes the clipboard. Resolves to whether the browser let it happen. */
export async function pasteClipboard(terminal: Terminal): Promise<boolean> {
  if (!canPasteByClick()) return false;
  try {
    terminal.paste(await navigator.clipboard.readText());
    return true;
  } catch {
    return false;
  }
}

/** Offers what a program writes to the clipboard (OSC 52). It happens only when the learner agrees; reading never does. */
export function offerProgramsText(terminal: Terminal, ask: (text: string) => void): void {
  terminal.parser.registerOscHandler(52, (data) => {
    const encoded = data.slice(data.indexOf(";") + 1);
    if (encoded === "?" || encoded.length > 1_400_000) return true;
    try {
      const bytes = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
      const text = new TextDecoder().decode(bytes);
      if (text) ask(text);
    } catch {
      // no base64: nothing to copy
    }
    return true;
  });
}
