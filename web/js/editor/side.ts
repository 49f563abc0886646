// What stands beside the text: the files with their tools, or the search.
import { button, make, tool } from "../files/ui";
import type { Editor } from "./editor";
import { createFile, createFolder, remove, rename } from "./manage";
import type { Search } from "./search";
import type { Tree } from "./tree";

/** Fills the side. Returns what chooses between the two. */
export function fillSide(editor: Editor, side: HTMLElement, tree: Tree, search: Search): (isSearch: boolean) => void {
  const filesPart = make("div", { class: "editor-files" });
  const choose = (isSearch: boolean) => {
    filesPart.hidden = isSearch;
    search.element.hidden = !isSearch;
    filesButton.setAttribute("aria-pressed", String(!isSearch));
    searchButton.setAttribute("aria-pressed", String(isSearch));
  };
  const filesButton = button("Files", () => choose(false), { class: "side-choice" });
  const searchButton = button("Search", () => editor.openSearch(), { class: "side-choice" });
  const selected = (act: (path: string, isFolder: boolean) => void) => () => {
    const selection = tree.selection();
    if (selection) act(selection.path, selection.isFolder);
  };
  const tools = make(
    "div",
    { class: "editor-tools", role: "toolbar", "aria-label": "Files" },
    tool("newFile", "New file", () => void createFile(editor)),
    tool("newFolder", "New folder", () => void createFolder(editor)),
    tool("rename", "Rename what is selected", selected((path) => void rename(editor, path))),
    tool("remove", "Delete what is selected", selected((path, isFolder) => void remove(editor, path, isFolder))),
    tool("refresh", "Read the files again", () => void tree.refresh()),
  );
  filesPart.append(tools, tree.element);
  const choices = make("div", { class: "side-choices", role: "group", "aria-label": "Beside the text" }, filesButton, searchButton);
  side.replaceChildren(choices, filesPart, search.element);
  choose(false);
  return choose;
}
