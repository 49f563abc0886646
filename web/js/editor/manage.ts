// Making, renaming and deleting files, with the questions that this needs.
import { faultOf, folderOf, join, nameOf, shown } from "../files/paths";
import { ask, messageOf } from "../files/ui";
import type { Editor } from "./editor";

async function askName(editor: Editor, title: string): Promise<string | undefined> {
  const folder = editor.tree?.folder() ?? editor.home;
  const label = `Name, in ${shown(folder, editor.home)}`;
  const name = await ask({ title, action: "Create", field: { label, value: "", fault: faultOf } });
  return name === undefined ? undefined : join(folder, name);
}

/** Does something, and says so if it could not be done. */
async function attempt(what: string, path: string, work: () => Promise<unknown>) {
  try {
    await work();
  } catch (error) {
    const text = `${nameOf(path)}: ${messageOf(error)}`;
    await ask({ title: `Couldn't ${what} it`, text, action: "OK", cancel: "Close" });
  }
}

export async function createFile(editor: Editor) {
  const path = await askName(editor, "New file");
  if (path === undefined) return;
  await attempt("create", path, async () => {
    await editor.files.write(path, "", null);
    await editor.afterChange();
    await editor.show(path);
    editor.view.focus();
  });
}

export async function createFolder(editor: Editor) {
  const path = await askName(editor, "New folder");
  if (path === undefined) return;
  await attempt("create", path, async () => {
    const made = await editor.files.makeFolder(path);
    await editor.afterChange();
    await editor.tree?.reveal(made.path);
  });
}

export async function rename(editor: Editor, path: string) {
  const field = { label: `New name of ${nameOf(path)}`, value: nameOf(path), fault: faultOf };
  const name = await ask({ title: "Rename", action: "Rename", field });
  if (!name || name === nameOf(path)) return;
  await attempt("rename", path, () => editor.move(path, join(folderOf(path), name), false));
}

export async function remove(editor: Editor, path: string, isFolder: boolean) {
  const what = isFolder ? "the folder and everything in it" : "the file";
  const text = `This deletes ${what} for good: ${shown(path, editor.home)}`;
  const answer = await ask({ title: `Delete ${nameOf(path)}?`, text, action: "Delete", isDangerous: true });
  if (answer !== undefined) await attempt("delete", path, () => editor.delete(path));
}
