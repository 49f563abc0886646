// What the text of a lab's page needs beyond its HTML: code that can be copied, tables that scroll, images and links that
// say when they lead nowhere. None of it is needed before a page is shown, and all of it works without the app.
import { copyText } from "./clipboard";

// How long to show that something was copied.
const SHOW_COPIED_MS = 2000;
// A cell with a longer text gets room for some words a line.
const LONG_CELL = 20;
// The domain that labs are given as long as nothing can be reached under their own.
const NO_PREVIEWS = "no-preview.invalid";
const NO_PREVIEW = "This workspace can't show web applications";
// A name of a session's web application: its first part holds the session's namespace.
const OF_SESSION = /(^|\.)([a-z0-9-]+-)?lab-[a-z0-9-]*[a-z2-7]{10}(-[a-z0-9-]+)?\./;

function enhance(page: HTMLElement) {
  page.querySelectorAll<HTMLElement>("pre").forEach(addCopyButton);
  page.querySelectorAll<HTMLElement>(".copyable").forEach(makeCopyable);
  page.querySelectorAll<HTMLTableElement>("table").forEach(boxTable);
  page.querySelectorAll<HTMLImageElement>("img").forEach(markMissing);
  page.querySelectorAll<HTMLAnchorElement>("a[href]").forEach(checkLink);
  page.querySelectorAll<HTMLElement>(".action-body").forEach(keepWordsWhole);
}

function addCopyButton(code: HTMLElement) {
  if (code.closest(".action, .code-box")) return;
  const box = document.createElement("div");
  box.className = "code-box";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "code-copy";
  const name = (text: string) => {
    button.textContent = text;
    button.setAttribute("aria-label", text === "Copy" ? "Copy this code" : text);
  };
  name("Copy");
  button.addEventListener("click", async () => {
    const text = (code.textContent ?? "").replace(/\n$/, "");
    name((await copyText(text)) ? "Copied" : "Couldn't copy");
    setTimeout(() => name("Copy"), SHOW_COPIED_MS);
  });
  code.replaceWith(box);
  box.append(code, button);
  focusIfScrollable(code);
}

// A click or Enter copies a piece of code within a line.
function makeCopyable(code: HTMLElement) {
  code.tabIndex = 0;
  code.setAttribute("role", "button");
  code.title = "Copy";
  const copy = async () => {
    if (!(await copyText(code.textContent ?? ""))) return;
    code.classList.add("copied");
    setTimeout(() => code.classList.remove("copied"), SHOW_COPIED_MS);
  };
  code.addEventListener("click", copy);
  code.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    void copy();
  });
}

// A wide table scrolls in a box of its own.
function boxTable(table: HTMLTableElement) {
  if (table.closest(".action") || table.parentElement?.classList.contains("table-box")) return;
  const box = document.createElement("div");
  box.className = "table-box";
  table.replaceWith(box);
  box.append(table);
  table.querySelectorAll("th, td").forEach((cell) => {
    if ((cell.textContent ?? "").trim().length > LONG_CELL) cell.classList.add("long");
  });
  focusIfScrollable(box, "Table");
}

// What scrolls sideways can be reached and scrolled by keyboard.
function focusIfScrollable(box: HTMLElement, label?: string) {
  new ResizeObserver(() => {
    const scrolls = box.scrollWidth > box.clientWidth;
    if (!scrolls) {
      box.removeAttribute("tabindex");
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
      return;
    }
    box.tabIndex = 0;
    if (!label) return;
    box.setAttribute("role", "region");
    box.setAttribute("aria-label", label);
  }).observe(box);
}

// An image that is not loaded is a frame around its alternative text.
function markMissing(image: HTMLImageElement) {
  const mark = () => image.classList.add("missing");
  if (image.complete && image.naturalWidth === 0) mark();
  image.addEventListener("error", mark);
  image.addEventListener("load", () => image.classList.remove("missing"));
}

// A link to another site opens in a new tab, so that the session stays. One that cannot work says so.
function checkLink(link: HTMLAnchorElement) {
  const address = link.getAttribute("href") ?? "";
  if (!/^(https?:)?\/\//i.test(address)) return;
  const host = hostOf(address);
  if (host !== undefined && canBeReached(host)) {
    if (host !== location.hostname) {
      link.target = "_blank";
      link.rel = "noopener noreferrer";
    }
    // only who runs the lab may see it, so the way there begins here
    if (OF_SESSION.test(host)) link.href = `/api/v1/previews/open?url=${encodeURIComponent(address)}`;
    return;
  }
  link.removeAttribute("href");
  link.classList.add("dead");
  const note = document.createElement("span");
  note.className = "dead-note";
  note.textContent = ` (${NO_PREVIEW}.)`;
  link.after(note);
}

function hostOf(address: string): string | undefined {
  try {
    return new URL(address, location.href).hostname;
  } catch {
    return undefined;
  }
}

// A name with an empty part comes from a variable without a value.
function canBeReached(host: string): boolean {
  if (host.startsWith("[")) return true;
  return host.split(".").every((part) => part !== "") && host !== NO_PREVIEWS && !host.endsWith(`.${NO_PREVIEWS}`);
}

// A browser breaks lines behind hyphens too, but half an option is not what the learner should read.
function keepWordsWhole(body: HTMLElement) {
  const text = body.textContent ?? "";
  if (body.childElementCount > 0 || !/\S[^\w\s]/.test(text)) return;
  const parts = text.split(/(\s+)/).map((part) => {
    if (!/\S[^\w\s]|[^\w\s]\S/.test(part)) return part;
    const word = document.createElement("span");
    word.className = "word";
    word.textContent = part;
    return word;
  });
  body.replaceChildren(...parts);
}

// How long the server has to answer.
const ANSWER_WITHIN_MS = 2000;

async function isServerThere(): Promise<boolean> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ANSWER_WITHIN_MS);
  try {
    return (await fetch("/healthz", { cache: "no-store", signal: stop.signal })).ok;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

Object.assign(window, { LecternPage: { copyText, enhance, isServerThere } });
