// `editor:execute-command`: the commands of VS Code that labs use and this editor has.
import { copyLineDown, deleteLine, redo, selectAll, toggleComment, undo } from "@codemirror/commands";
import { foldAll, unfoldAll } from "@codemirror/language";
import { gotoLine, openSearchPanel } from "@codemirror/search";
import { EditorView } from "@codemirror/view";
import type { Editor } from "./editor";
import { createFile, createFolder } from "./manage";

type Command = (editor: Editor, args: unknown[]) => unknown;

/** A command of the text that is shown. */
const inText =
  (command: (view: EditorView) => unknown): Command =>
  (editor) => {
    if (!editor.documents.current) throw new Error("No file is open in the editor.");
    command(editor.view);
    editor.view.focus();
  };

const cursorTo = (place: (length: number) => number) =>
  inText((view) => {
    const anchor = place(view.state.doc.length);
    view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor) });
  });

async function saveAll(editor: Editor) {
  for (const file of editor.documents.open.values()) await editor.documents.save(file);
}

async function step(editor: Editor, by: number) {
  const paths = [...editor.documents.open.keys()];
  const at = paths.indexOf(editor.documents.current?.path ?? "");
  const next = paths[(at + by + paths.length) % paths.length];
  if (next) await editor.show(next);
}

/** A path, also as an address or an object that has one. */
function pathOf(arg: unknown): string {
  const text = typeof arg === "object" && arg !== null ? String((arg as { path?: unknown }).path ?? "") : String(arg ?? "");
  return text.replace(/^file:\/\//, "");
}

const openPath: Command = async (editor, [path]) => {
  if (!pathOf(path)) throw new Error("This block names no file to open.");
  await editor.show(pathOf(path));
};

const close: Command = (editor) => editor.close(editor.documents.current?.path ?? "");

const closeAll: Command = async (editor) => {
  for (const path of [...editor.documents.open.keys()]) await editor.close(path);
};

const search: Command = (editor, [options]) => {
  const query = typeof options === "object" && options !== null ? (options as { query?: unknown }).query : options;
  editor.openSearch(typeof query === "string" ? query : undefined);
};

const COMMANDS: Record<string, Command> = {
  "workbench.action.files.save": (editor) => editor.documents.current && editor.documents.save(editor.documents.current),
  "workbench.action.files.saveAll": saveAll,
  "workbench.action.files.saveFiles": saveAll,
  "workbench.action.files.newUntitledFile": (editor) => createFile(editor),
  "explorer.newFile": (editor) => createFile(editor),
  "explorer.newFolder": (editor) => createFolder(editor),
  "vscode.open": openPath,
  "workbench.action.files.openFile": openPath,
  "workbench.action.closeActiveEditor": close,
  "workbench.action.closeAllEditors": closeAll,
  "workbench.action.nextEditor": (editor) => step(editor, 1),
  "workbench.action.previousEditor": (editor) => step(editor, -1),
  "workbench.action.toggleSidebarVisibility": (editor) => editor.toggleSide(),
  "workbench.view.explorer": (editor) => editor.openTree(),
  "workbench.explorer.fileView.focus": (editor) => editor.openTree(),
  "workbench.files.action.focusFilesExplorer": (editor) => editor.openTree(),
  "workbench.files.action.refreshFilesExplorer": (editor) => editor.afterChange(),
  "workbench.view.search": search,
  "workbench.action.findInFiles": search,
  "workbench.action.focusActiveEditorGroup": (editor) => editor.view.focus(),
  "workbench.action.gotoLine": inText(gotoLine),
  "actions.find": inText(openSearchPanel),
  "editor.action.startFindReplaceAction": inText(openSearchPanel),
  "editor.action.selectAll": inText(selectAll),
  "editor.action.commentLine": inText(toggleComment),
  "editor.action.deleteLines": inText(deleteLine),
  "editor.action.copyLinesDownAction": inText(copyLineDown),
  "editor.foldAll": inText(foldAll),
  "editor.unfoldAll": inText(unfoldAll),
  undo: inText(undo),
  redo: inText(redo),
  cursorTop: cursorTo(() => 0),
  cursorBottom: cursorTo((length) => length),
};

/** Runs a command of VS Code. Fails with a sentence if there is no such command here. */
export async function run(editor: Editor, command: string, args: unknown[]): Promise<undefined> {
  const known = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!known) {
    throw new Error(`The editor here cannot run “${command}”. It is a command of VS Code or of one of its extensions.`);
  }
  await known(editor, args);
  return undefined;
}
