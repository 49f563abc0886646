// Shows what a file holds: text, or a picture.
import { type Files, sizeOf, textOf } from "./api";
import { nameOf } from "./paths";
import { button, make, nextId, save } from "./ui";

const MAX_BYTES = 5 * 1024 * 1024;
/** How much of a text is shown. */
const MAX_TEXT = 200_000;
const PICTURES: Record<string, string> = {
  png: "image/png",
  jpg: "image/jpeg",
  jpeg: "image/jpeg",
  gif: "image/gif",
  webp: "image/webp",
  avif: "image/avif",
  bmp: "image/bmp",
  ico: "image/x-icon",
  svg: "image/svg+xml",
};

/** Opens a dialog with the content. Fails with a sentence if there is no such file. */
export async function preview(files: Files, path: string, edit?: () => void) {
  const name = nameOf(path);
  const content = await contentOf(files, path);
  const title = nextId("title");
  const dialog = make("dialog", { class: "dialog preview", "aria-labelledby": title });
  const close = () => dialog.close();
  const buttons = make("div", { class: "dialog-buttons" }, button("Download", () => save(files.contentUrl(path), name), { class: "button" }));
  if (edit) {
    const open = () => {
      close();
      edit();
    };
    buttons.append(button("Open in the editor", open, { class: "button" }));
  }
  buttons.append(button("Close", close, { class: "button primary" }));
  dialog.append(make("h2", { id: title }, name), content, buttons);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

async function contentOf(files: Files, path: string): Promise<HTMLElement> {
  const name = nameOf(path);
  const { entry } = await files.find(path);
  if (entry.size_bytes > MAX_BYTES) return make("p", {}, `This file has ${sizeOf(entry.size_bytes)}, which is too much to show. Download it instead.`);
  const { bytes } = await files.read(path, MAX_BYTES);
  const type = PICTURES[name.slice(name.lastIndexOf(".") + 1).toLowerCase()];
  if (type) {
    const picture = make("img", { alt: `What ${name} shows` });
    picture.src = await dataUrl(bytes, type);
    return make("div", { class: "preview-content" }, picture);
  }
  const text = textOf(bytes);
  if (text === undefined) return make("p", {}, `This is not a text file (${sizeOf(bytes.length)}).`);
  if (!text) return make("p", {}, "This file is empty.");
  const cut = text.length > MAX_TEXT ? `\n… and ${sizeOf(text.length - MAX_TEXT)} more` : "";
  // what scrolls can be reached by keyboard
  return make("pre", { class: "preview-content", tabindex: "0", role: "region", "aria-label": `Text of ${name}` }, text.slice(0, MAX_TEXT) + cut);
}

/** Pictures are shown from data addresses, which the page's policy allows. As a picture no script in one runs. */
function dataUrl(bytes: Uint8Array, type: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(new Error("The picture couldn't be read."));
    reader.readAsDataURL(new Blob([bytes as BlobPart], { type }));
  });
}

