// The `files:*` actions of labs.
import { copyText } from "../clipboard";
import type { FilesPanel } from "./browser";
import { textOf } from "./api";
import { absolute, join, nameOf } from "./paths";
import { button, make, nextId, save } from "./ui";

type Action = { action: string } & Record<string, unknown>;

/** Where `files:upload-file` and `files:upload-files` put what learners send. */
const UPLOADS = "~/uploads";
const MAX_COPIED = 5 * 1024 * 1024;

/** Carries an action out. Resolves to a sentence for its block; fails with one. */
export async function act(panel: FilesPanel, action: Action): Promise<string | undefined> {
  const { path, url, download, preview } = action as { path?: string; url?: string; download?: string; preview?: boolean };
  switch (action.action) {
    case "files:download-file": {
      // the name is that of a file, never of a folder
      const name = download ? nameOf(download) : undefined;
      if (url && !path) {
        saveForeign(url, name ?? nameOf(new URL(url, location.href).pathname));
        return undefined;
      }
      const file = named(path);
      const found = await panel.files.find(file);
      const isFolder = found.entry.kind === "folder";
      save(isFolder ? panel.files.archiveUrl(file, name) : panel.files.contentUrl(file, name));
      if (preview && !isFolder) await panel.preview(file);
      return `Downloading ${name ?? found.entry.name}.`;
    }
    case "files:copy-file": {
      const text = url && !path ? await foreignText(url) : await ownText(panel, named(path));
      if (preview && path) await panel.preview(named(path));
      if (!(await copyText(text))) throw new Error("The browser did not let the text be copied.");
      return `Copied ${nameOf(path || url || "")}.`;
    }
    case "files:upload-file":
      return upload(panel, named(path), false);
    case "files:upload-files":
      return upload(panel, undefined, true);
    default:
      throw new Error(`The files' tab has no action “${action.action}”.`);
  }
}

function named(path: string | undefined): string {
  if (!path?.trim()) throw new Error("This block names no file.");
  return path;
}

async function ownText(panel: FilesPanel, path: string): Promise<string> {
  const { bytes } = await panel.files.read(path, MAX_COPIED);
  const text = textOf(bytes);
  if (text === undefined) throw new Error(`${nameOf(path)} is not a text file, so it cannot be copied as text.`);
  return text;
}

/** A file of another address: the browser fetches it in a tab of its own, since this page may not. */
function saveForeign(url: string, name: string) {
  const link = make("a", { href: url, download: name, target: "_blank", rel: "noopener noreferrer", class: "off-screen" });
  document.body.append(link);
  link.click();
  link.remove();
}

async function foreignText(url: string): Promise<string> {
  try {
    const response = await fetch(url, { credentials: "omit" });
    if (!response.ok) throw new Error(`The address answered ${response.status}.`);
    return await response.text();
  } catch {
    throw new Error(`The text at ${url} couldn't be fetched: this page may not read from there. Open the address and copy it by hand.`);
  }
}

/** Lets the learner choose files, and sends them. */
function upload(panel: FilesPanel, path: string | undefined, isMultiple: boolean): Promise<string> {
  const [title, id] = [nextId("title"), nextId("upload")];
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": title });
  const form = make("form", { method: "dialog" });
  const input = make("input", { id, type: "file", required: true, multiple: isMultiple });
  const target = path === undefined ? UPLOADS : join(UPLOADS, path);
  form.append(
    make("h2", { id: title }, isMultiple ? "Upload files" : `Upload ${nameOf(target)}`),
    make("div", { class: "field" }, make("label", { for: id }, `Saved ${isMultiple ? "in" : "as"} ${target}`), input),
    make(
      "div",
      { class: "dialog-buttons" },
      button("Cancel", () => dialog.close(), { class: "button" }),
      make("button", { class: "button primary" }, "Upload"),
    ),
  );
  dialog.append(form);
  document.body.append(dialog);
  return new Promise((resolve, reject) => {
    let chosen: File[] = [];
    form.addEventListener("submit", () => {
      chosen = [...(input.files ?? [])];
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (!chosen.length) {
        reject(new Error("No file was chosen."));
        return;
      }
      const home = panel.home;
      const places = chosen.map((file) => ({ path: absolute(path === undefined ? join(UPLOADS, file.name) : target, home), file }));
      panel.uploads.send(places, true).then((arrived) => {
        if (arrived < places.length) reject(new Error(`${places.length - arrived} of ${places.length} files were not sent. The files' tab says why.`));
        else resolve(places.length === 1 ? `Saved ${nameOf(places[0]!.path)} in ${UPLOADS}.` : `Saved ${places.length} files in ${UPLOADS}.`);
      }, reject);
    });
    dialog.showModal();
    input.focus();
  });
}
