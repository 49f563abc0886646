// The `editor:*` actions of labs, except those of terminals. What their arguments mean is in docs/AUTHORING.md.
import { isAbsent } from "../files/api";
import { nameOf } from "../files/paths";
import { run } from "./commands";
import type { OpenFile } from "./documents";
import type { Editor } from "./editor";
import * as edits from "./edits";

type Action = { action: string } & Record<string, unknown>;
type Outcome = string | undefined;
type Number = number | null;

/** Changes a text, of which a part may be selected. */
type Change = (text: string, selection: edits.Selection) => edits.Edit;

const YAML = "-yaml-";

/** Carries an action out. Resolves to a sentence for its block; fails with one. */
export async function act(editor: Editor, action: Action): Promise<Outcome> {
  await editor.ready();
  const name = action.action.replace(/^editor:/, "");
  const special = others[name];
  if (special) return special(editor, action);
  const file = String(action.file ?? "").trim();
  if (!file) throw new Error("This block names no file.");
  const change = await changeOf(name, action);
  if (!change) throw new Error(`The editor here has no action “${action.action}”.`);
  return changeFile(editor, file, name, action, change);
}

async function changeFile(editor: Editor, file: string, name: string, action: Action, change: Change): Promise<Outcome> {
  const open = await opened(editor, file, creating.has(name));
  if (open === undefined) {
    const edit = change("", { from: 0, to: 0 });
    await create(editor, file, edit.text);
    return `Created ${nameOf(file)}.`;
  }
  const isSelection = name.endsWith("-selection");
  if (isSelection && !open.wasOpen) throw new Error(`Nothing is selected in ${nameOf(file)}. Run the step before this one again.`);
  const state = editor.documents.stateOf(open.file);
  const { from, to } = state.selection.main;
  let edit: edits.Edit;
  try {
    edit = change(state.doc.toString(), { from, to });
  } catch (error) {
    throw error instanceof edits.EditError ? new Error(`${nameOf(file)}: ${error.message}`) : error;
  }
  const isChange = edit.text !== state.doc.toString();
  await editor.edit(open.file, edit, isChange && action.save !== false);
  if (edit.note) return edit.note;
  return isChange && action.save !== false ? `Saved ${nameOf(file)}.` : undefined;
}

/** Opens a file that can be edited. Nothing if it does not exist and may be created. */
async function opened(editor: Editor, given: string, mayCreate: boolean): Promise<{ file: OpenFile; wasOpen: boolean } | undefined> {
  const wasOpen = editor.documents.open.has(editor.path(given));
  let file: OpenFile;
  try {
    file = await editor.show(given);
  } catch (error) {
    if (isAbsent(error) && mayCreate) return undefined;
    throw error;
  }
  if (file.refusal !== undefined) throw new Error(`${nameOf(given)} cannot be edited here. ${file.refusal}`);
  if (file.trouble?.kind === "deleted") {
    editor.documents.close(file);
    if (mayCreate) return undefined;
    throw new Error(`There is no file ${given}.`);
  }
  return { file, wasOpen };
}

async function create(editor: Editor, given: string, text: string): Promise<OpenFile> {
  const path = editor.path(given);
  await editor.files.write(path, text);
  await editor.afterChange();
  return editor.show(path);
}

/** Those that make the file if there is none. */
const creating = new Set([
  "append-lines-to-file",
  "prepend-lines-to-file",
  "insert-lines-before-line",
  "append-lines-after-line",
  "append-lines-after-match",
  "insert-value-into-yaml",
]);

async function changeOf(name: string, action: Action): Promise<Change | undefined> {
  const text = String(action.text ?? "");
  const match = String(action.match ?? "");
  const { start, stop, line } = action as { start?: Number; stop?: Number; line?: number };
  // the wanted text is `text` where something is selected, and `match` elsewhere
  const wanted = (of: string) => ({ ...(action as object), text: of }) as edits.Wanted;
  const replacement = String(action.replacement ?? "");
  const changes: Record<string, Change> = {
    "select-matching-text": (doc) => edits.selectMatchingText(doc, wanted(text)),
    "replace-matching-text": (doc) => edits.replaceMatchingText(doc, { ...wanted(match), replacement }),
    "select-lines-in-range": (doc) => edits.selectLines(doc, start, stop),
    "delete-lines-in-range": (doc) => edits.deleteLines(doc, start, stop),
    "replace-lines-in-range": (doc) => edits.replaceLines(doc, text, start, stop),
    "replace-text-selection": (doc, selection) => edits.replaceSelection(doc, selection, text),
    "delete-text-selection": (doc, selection) => edits.deleteSelection(doc, selection),
    "insert-lines-before-selection": (doc, selection) => edits.insertBeforeSelection(doc, selection, text),
    "append-lines-after-selection": (doc, selection) => edits.appendAfterSelection(doc, selection, text),
    "append-lines-to-file": (doc) => edits.appendLines(doc, text),
    "prepend-lines-to-file": (doc) => edits.prependLines(doc, text),
    "insert-lines-before-line": (doc) => edits.insertBeforeLine(doc, line ?? 1, text),
    "append-lines-after-line": (doc) => edits.appendAfterLine(doc, line ?? 0, text),
    "append-lines-after-match": (doc) => edits.appendAfterMatch(doc, match, text),
    "insert-lines-before-match": (doc) => edits.insertBeforeMatch(doc, match, text),
    "delete-matching-lines": (doc) => edits.deleteMatchingLines(doc, wanted(match)),
  };
  return changes[name] ?? (name.includes(YAML) || name.endsWith("-yaml") ? yamlChange(name, action) : undefined);
}

async function yamlChange(name: string, action: Action): Promise<Change | undefined> {
  // fetched when it is first needed
  const yaml = await import("./yaml");
  const path = String(action.path ?? "");
  const { value } = action;
  const changes: Record<string, Change> = {
    "set-yaml-value": (doc) => yaml.setValue(doc, path, value),
    "add-yaml-item": (doc) => yaml.addItem(doc, path, value),
    "insert-yaml-item": (doc) => yaml.insertItem(doc, path, Number(action.index ?? 0), value),
    "replace-yaml-item": (doc) => yaml.replaceItem(doc, path, value),
    "delete-yaml-value": (doc) => yaml.deleteValue(doc, path),
    "merge-yaml-values": (doc) => yaml.mergeValues(doc, path, value),
    "insert-value-into-yaml": (doc) => (doc.trim() ? yaml.insertValue(doc, path, value) : yaml.setValue(doc, path, value)),
    "select-yaml-path": (doc) => yaml.selectPath(doc, path),
  };
  return changes[name];
}

const others: Record<string, (editor: Editor, action: Action) => Promise<Outcome>> = {
  "open-file": async (editor, { file, line }) => {
    const open = await editor.show(String(file ?? ""));
    if (open.refusal !== undefined) return `${nameOf(open.path)}: ${open.refusal}`;
    if (typeof line === "number") {
      const text = editor.documents.stateOf(open).doc.toString();
      const at = edits.startOfLine(text, Math.min(line, edits.countLines(text)));
      await editor.edit(open, { text, from: at, to: at }, false);
    }
    return undefined;
  },
  "create-file": async (editor, { file, text }) => {
    const given = String(file ?? "");
    const content = typeof text === "string" && text ? edits.ended(text) : "";
    const there = await opened(editor, given, true).catch((error) => {
      // what is no text is replaced, too
      if (editor.documents.open.get(editor.path(given))?.refusal === undefined) throw error;
      editor.documents.close(editor.documents.open.get(editor.path(given))!);
      return undefined;
    });
    if (there) {
      const isSame = editor.documents.stateOf(there.file).doc.toString() === content;
      await editor.edit(there.file, { text: content, from: 0, to: 0 }, !isSame);
      return `Saved ${nameOf(given)}.`;
    }
    await create(editor, given, content);
    return `Created ${nameOf(given)}.`;
  },
  "create-directory": async (editor, { directory }) => {
    const { path } = await editor.files.makeFolder(editor.path(String(directory ?? "")));
    await editor.afterChange();
    await editor.tree?.reveal(path);
    return undefined;
  },
  "copy-file": async (editor, { src, dest, open }) => {
    const [from, to] = [editor.path(String(src ?? "")), editor.path(String(dest ?? ""))];
    const shown = editor.documents.open.get(from);
    if (shown) await editor.documents.save(shown);
    await editor.files.copy(from, to, true);
    await editor.afterChange();
    if (open !== false) await showUnlessFolder(editor, to);
    return `Copied to ${String(dest)}.`;
  },
  "rename-file": async (editor, { src, dest, open }) => {
    const [from, to] = [editor.path(String(src ?? "")), editor.path(String(dest ?? ""))];
    await editor.move(from, to, true);
    if (open !== false) await showUnlessFolder(editor, to);
    return `Renamed to ${String(dest)}.`;
  },
  "close-file": async (editor, { file }) => {
    const path = editor.path(String(file ?? ""));
    if (!editor.documents.open.has(path)) return `${nameOf(path)} is not open.`;
    await editor.close(path);
    return undefined;
  },
  "delete-file": async (editor, { file }) => {
    const path = editor.path(String(file ?? ""));
    const { entry } = await editor.files.find(path).catch((error) => {
      throw isAbsent(error) ? new Error(`There is no file ${String(file)}.`) : error;
    });
    if (entry.kind === "folder") throw new Error(`${String(file)} is a folder, and this step deletes files only.`);
    await editor.delete(path);
    return `Deleted ${nameOf(path)}.`;
  },
  "execute-command": async (editor, { command, args }) =>
    run(editor, String(command ?? ""), Array.isArray(args) ? args : []),
};

async function showUnlessFolder(editor: Editor, path: string) {
  const { entry } = await editor.files.find(path);
  if (entry.kind === "folder") await editor.tree?.reveal(path);
  else await editor.show(path);
}

