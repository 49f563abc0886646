// The edits of the `editor:*-yaml-*` actions. Comments, the order of keys and the style of what is not changed stay.
import { Document, isMap, isNode, isScalar, isSeq, parseAllDocuments, parseDocument } from "yaml";
import type { Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { EditError, type Edit } from "./edits";

/** One step of a path: a key, a place in a list from 0, or the item of a list that has this value. */
type Step = string | number | { key: string; value: string };

/** Reads a path such as `spec.containers[name=web].ports[0]` or `metadata.annotations["a.b/c"]`. */
export function readPath(path: string): Step[] {
  const steps: Step[] = [];
  const pattern = /\s*(?:\.|\[\s*(?:"([^"]*)"|'([^']*)'|([^\]]*))\s*\]|"([^"]*)"|'([^']*)'|([^.[\]]+))/y;
  let at = 0;
  while (at < path.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(path);
    if (!match) throw new EditError(`The path “${path}” cannot be read after “${path.slice(0, at)}”.`);
    at = pattern.lastIndex;
    const [, quoted, single, inside, whole, wholeSingle, key] = match;
    const name = quoted ?? single ?? whole ?? wholeSingle ?? key?.trim();
    if (name !== undefined) steps.push(name);
    else if (inside !== undefined) steps.push(selector(path, inside));
  }
  return steps;
}

function selector(path: string, inside: string): Step {
  const equals = inside.indexOf("=");
  if (equals > 0) {
    const value = inside.slice(equals + 1).trim();
    const bare = value.replace(/^(["'])(.*)\1$/, "$2");
    return { key: inside.slice(0, equals).trim(), value: bare };
  }
  if (/^-?\d+$/.test(inside.trim())) return Number(inside);
  throw new EditError(`The path “${path}” has “[${inside}]”, which is neither a number nor key=value.`);
}

/** The document to edit, and where it stands in the file. */
interface Part {
  doc: Document;
  start: number;
  end: number;
}

/** Reads a file, and picks the first of its documents in which the path exists, or else the first. */
function read(text: string, steps: Step[]): Part {
  const all = parseAllDocuments(text);
  const list = Array.isArray(all) ? all : [];
  const broken = list.flatMap((doc) => doc.errors)[0];
  if (broken) {
    const where = broken.linePos?.[0].line;
    const message = broken.message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "");
    throw new EditError(`This file is not valid YAML${where ? ` at line ${where}` : ""}: ${message}.`);
  }
  const found = steps.length ? list.findIndex((doc) => resolve(doc.contents, steps).isWhole) : 0;
  const index = Math.max(found, 0);
  let start = index > 0 ? endOf(list[index - 1] as Document, text) : 0;
  const end = index < list.length - 1 ? endOf(list[index] as Document, text) : text.length;
  // the line that begins a document is none of its own
  start += /^---[ \t]*(#[^\n]*)?\n/.exec(text.slice(start, end))?.[0].length ?? 0;
  return { doc: parseDocument(text.slice(start, end)) as Document, start, end };
}

interface Resolved {
  /** The keys and indexes of the part of the path that exists. */
  keys: (string | number)[];
  node: unknown;
  isWhole: boolean;
}

function resolve(root: unknown, steps: Step[]): Resolved {
  const keys: (string | number)[] = [];
  let node = root;
  for (const step of steps) {
    const [key, next] = go(node, step);
    if (key === undefined) return { keys, node, isWhole: false };
    keys.push(key);
    node = next;
  }
  return { keys, node, isWhole: true };
}

/** Follows one step. Returns the key or index, or nothing if there is no such thing. */
function go(node: unknown, step: Step): [string | number | undefined, unknown] {
  if (typeof step === "object") {
    if (!isSeq(node)) return [undefined, undefined];
    const index = node.items.findIndex((item) => isMap(item) && String(item.get(step.key)) === step.value);
    return index < 0 ? [undefined, undefined] : [index, node.items[index]];
  }
  if (isMap(node)) {
    const pair = pairOf(node, step);
    return pair ? [keyOf(pair) as string, pair.value] : [undefined, undefined];
  }
  if (isSeq(node)) {
    const number = typeof step === "number" ? step : /^\d+$/.test(step) ? Number(step) : NaN;
    const index = number < 0 ? node.items.length + number : number;
    return index in node.items ? [index, node.items[index]] : [undefined, undefined];
  }
  return [undefined, undefined];
}

function keyOf(pair: Pair): unknown {
  return isScalar(pair.key) ? pair.key.value : pair.key;
}

function pairOf(map: YAMLMap, key: string | number): Pair | undefined {
  return map.items.find((pair) => String(keyOf(pair)) === String(key));
}

function missing(path: string): EditError {
  return new EditError(`There is no “${path}” in this file.`);
}

/** Writes the document that was edited. What did not change stays to the letter: its spacing, its quotes, its other documents. */
function write(text: string, { doc, start, end }: Part): Edit {
  const source = text.slice(start, end);
  const options = {
    lineWidth: 0,
    indent: indentOf(source),
    indentSeq: indentsLists(source),
    flowCollectionPadding: !/[{[][^\s{}[\]]/.test(source),
  };
  const before = parseDocument(source).toString(options);
  const after = doc.toString(options);
  const patched = patch(source, before, after);
  const piece = holdsTheSame(patched, doc) ? patched : after;
  const result = text.slice(0, start) + piece + text.slice(end);
  return { text: result, ...changed(text, result) };
}

function holdsTheSame(text: string, doc: Document): boolean {
  const read = parseDocument(text);
  return !read.errors.length && JSON.stringify(read.toJS()) === JSON.stringify(doc.toJS());
}

/** Carries what changed between two writings of a document over to its source, which may be spaced differently. */
function patch(source: string, before: string, after: string): string {
  if (source === before) return after;
  const lines = [source, before, after].map((text) => text.split("\n"));
  const [from, was, is] = lines as [string[], string[], string[]];
  const [fromFull, wasFull, isFull] = lines.map((each) => each.flatMap((line, at) => (line.trim() ? [at] : [])));
  if (!fromFull || !wasFull || !isFull || fromFull.length !== wasFull.length) return after;
  let head = 0;
  while (head < wasFull.length && head < isFull.length && was[wasFull[head]!] === is[isFull[head]!]) head++;
  let tail = 0;
  const most = Math.min(wasFull.length, isFull.length) - head;
  const last = (full: number[], back: number) => full[full.length - 1 - back]!;
  while (tail < most && was[last(wasFull, tail)] === is[last(isFull, tail)]) tail++;
  const indents = new Map<number, number>();
  const learn = (at: number) => indents.set(indented(was[wasFull[at]!]!), indented(from[fromFull[at]!]!));
  // what stands before counts more than what stands behind
  for (let at = wasFull.length - 1; at >= head; at--) learn(at);
  for (let at = 0; at < head; at++) learn(at);
  const middle = (head + tail < isFull.length ? is.slice(isFull[head], isFull[isFull.length - tail - 1]! + 1) : []).map(
    (line) => " ".repeat(indents.get(indented(line)) ?? indented(line)) + line.trimStart(),
  );
  // empty lines around what changed are the source's own
  const isReplaced = head + tail < fromFull.length;
  const isApart = head > 0 && isFull[head]! > isFull[head - 1]! + 1;
  const afterHead = head ? fromFull[head - 1]! + 1 : 0;
  const beforeTail = tail ? fromFull[fromFull.length - tail]! : from.length;
  let [stop, resume] = [afterHead, afterHead];
  if (isReplaced) [stop, resume] = [fromFull[head]!, fromFull[fromFull.length - tail - 1]! + 1];
  else if (isApart && tail) [stop, resume] = [beforeTail, beforeTail];
  return [...from.slice(0, stop), ...middle, ...from.slice(resume)].join("\n");
}

function indented(line: string): number {
  return line.length - line.trimStart().length;
}

/** By how much mappings are indented in this file, as the first one is. */
function indentOf(text: string): number {
  const nested = /^( *)(?:- +)?[^\s#-][^\n]*:[ \t]*(?:#.*)?\n(?:[ \t]*(?:#.*)?\n)*( +)[^\s#-]/m.exec(text);
  const by = nested ? nested[2]!.length - nested[1]!.length : 2;
  return by > 0 && by <= 8 ? by : 2;
}

/** Where a document ends in the text: where the next one's `---` begins. */
function endOf(doc: Document, text: string): number {
  const from = doc.range?.[1] ?? 0;
  const next = /^---/m.exec(text.slice(from));
  return next ? from + next.index : text.length;
}

/** Whether lists in mappings are indented in this file, as the first one is. */
function indentsLists(text: string): boolean {
  const lists = /^( *)(?:- )?[^\s#-][^\n]*:[ \t]*(?:#.*)?\n(?:[ \t]*#.*\n)*( *)- /m.exec(text);
  return lists ? lists[2]!.length > lists[1]!.length : true;
}

/** What differs between two texts, as a selection in the second: whole lines if several were added. */
function changed(before: string, after: string): { from: number; to: number } {
  let from = 0;
  while (from < before.length && from < after.length && before[from] === after[from]) from++;
  let [a, b] = [before.length, after.length];
  while (a > from && b > from && before[a - 1] === after[b - 1]) [a, b] = [a - 1, b - 1];
  // a line that was added between two that begin alike
  const lineStart = after.lastIndexOf("\n", from - 1) + 1;
  if (b > from && after.slice(from, b).includes("\n")) {
    const shift = from - lineStart;
    if (after.slice(lineStart, from) === after.slice(b - shift, b)) return { from: lineStart, to: b - shift };
    return { from: lineStart, to: b };
  }
  return { from, to: b };
}

/** A node for a value; several lines are written as a block. */
function made(doc: Document, value: unknown): Node {
  return doc.createNode(value) as Node;
}

/** `editor:set-yaml-value`: missing keys on the way are created; the comment behind the old value stays. */
export function setValue(text: string, path: string, value: unknown): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const found = resolve(doc.contents, steps);
  if (!steps.length) {
    doc.contents = made(doc, value) as typeof doc.contents;
    return write(text, part);
  }
  if (found.isWhole) {
    replaceNode(doc, found.keys, value);
    return write(text, part);
  }
  const rest = steps.slice(found.keys.length);
  if (rest.some((step, index) => typeof step === "object" && index < rest.length)) throw missing(path);
  let nested: unknown = value;
  for (const step of rest.slice(1).reverse()) nested = typeof step === "number" ? [nested] : { [step as string]: nested };
  const parent = found.node;
  const key = rest[0] as string | number;
  if (isSeq(parent)) {
    if (key !== parent.items.length) throw missing(path);
    parent.add(made(doc, nested));
  } else if (isMap(parent)) {
    // written as block even if the mapping was empty
    if (!parent.items.length) parent.flow = false;
    parent.set(doc.createNode(String(key)), made(doc, nested));
  } else if (parent === null || parent === undefined || (isScalar(parent) && parent.value === null)) {
    const holder = made(doc, typeof key === "number" ? [nested] : { [key]: nested });
    if (found.keys.length) doc.setIn(found.keys, holder);
    else doc.contents = holder as typeof doc.contents;
  } else {
    throw new EditError(`“${path}” cannot be set, because a part of it is a plain value in this file.`);
  }
  return write(text, part);
}

/** Replaces a node; what a scalar looked like, and its comments, stay. */
function replaceNode(doc: Document, keys: (string | number)[], value: unknown) {
  const old = doc.getIn(keys, true);
  const next = made(doc, value);
  if (isNode(old)) {
    next.comment = old.comment;
    next.commentBefore = old.commentBefore;
    next.spaceBefore = old.spaceBefore;
    const quotes = ["QUOTE_DOUBLE", "QUOTE_SINGLE"];
    if (isScalar(old) && isScalar(next) && typeof next.value === "string" && quotes.includes(old.type ?? "")) {
      next.type = old.type;
    }
  }
  doc.setIn(keys, next);
}

function listAt(doc: Document, path: string, steps: Step[]): YAMLSeq {
  const found = resolve(doc.contents, steps);
  if (!found.isWhole) throw missing(path);
  if (!isSeq(found.node)) throw new EditError(`“${path}” is not a list in this file.`);
  return found.node;
}

/** `editor:add-yaml-item`. */
export function addItem(text: string, path: string, value: unknown): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const list = listAt(doc, path, steps);
  if (!list.items.length) list.flow = false;
  list.add(made(doc, value));
  return write(text, part);
}

/** `editor:insert-yaml-item`: at a place in the list, from 0. */
export function insertItem(text: string, path: string, index: number, value: unknown): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const list = listAt(doc, path, steps);
  if (!list.items.length) list.flow = false;
  const place = index < 0 ? Math.max(list.items.length + index, 0) : Math.min(index, list.items.length);
  list.items.splice(place, 0, made(doc, value));
  return write(text, part);
}

/** `editor:replace-yaml-item`: the path names the item. */
export function replaceItem(text: string, path: string, value: unknown): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const found = resolve(doc.contents, steps);
  if (!steps.length || !found.isWhole) throw missing(path);
  replaceNode(doc, found.keys, value);
  return write(text, part);
}

/** `editor:delete-yaml-value`. */
export function deleteValue(text: string, path: string): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const found = resolve(doc.contents, steps);
  if (!steps.length || !found.isWhole) throw missing(path);
  doc.deleteIn(found.keys);
  return write(text, part);
}

/** `editor:merge-yaml-values`: sets the keys of a mapping, and leaves its others. */
export function mergeValues(text: string, path: string, value: unknown): Edit {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new EditError("Only a mapping of keys and values can be merged.");
  }
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const found = resolve(doc.contents, steps);
  if (!found.isWhole) throw missing(path);
  const map = found.node;
  if (!isMap(map)) throw new EditError(`“${path}” is not a mapping in this file.`);
  if (!map.items.length) map.flow = false;
  for (const [key, each] of Object.entries(value)) {
    if (pairOf(map, key)) replaceNode(doc, [...found.keys, key], each);
    else map.set(doc.createNode(key), made(doc, each));
  }
  return write(text, part);
}

/** `editor:insert-value-into-yaml`, the older form: adds items to a list, or keys to a mapping. */
export function insertValue(text: string, path: string, value: unknown): Edit {
  const steps = readPath(path);
  const part = read(text, steps);
  const { doc } = part;
  const found = resolve(doc.contents, steps);
  if (!found.isWhole) throw missing(path);
  if (isSeq(found.node)) {
    const items = Array.isArray(value) ? value : [value];
    if (!found.node.items.length) found.node.flow = false;
    for (const item of items) found.node.add(made(doc, item));
    return write(text, part);
  }
  if (isMap(found.node)) return mergeValues(text, path, value);
  throw new EditError(`“${path}” is neither a list nor a mapping in this file.`);
}

/** `editor:select-yaml-path`: the key with its value, or the item; everything without a path. */
export function selectPath(text: string, path: string): Edit {
  const steps = readPath(path);
  const { doc, start, end } = read(text, steps);
  const found = resolve(doc.contents, steps);
  if (!found.isWhole) throw missing(path);
  const range = steps.length ? rangeAt(doc, found.keys) : (doc.contents?.range ?? [0, end - start]);
  const from = start + (range?.[0] ?? 0);
  let to = start + (range?.[1] ?? end - start);
  while (to > from && /\s/.test(text[to - 1]!)) to--;
  return { text, from, to };
}

function rangeAt(doc: Document, keys: (string | number)[]): number[] | undefined {
  const parent = keys.length > 1 ? doc.getIn(keys.slice(0, -1), true) : doc.contents;
  const last = keys[keys.length - 1]!;
  if (isMap(parent)) {
    const pair = pairOf(parent as YAMLMap, last);
    const start = isNode(pair?.key) ? pair.key.range?.[0] : undefined;
    const end = isNode(pair?.value) ? pair.value.range?.[1] : undefined;
    return start === undefined ? undefined : [start, end ?? start + String(last).length];
  }
  const item = isSeq(parent) ? parent.items[last as number] : undefined;
  return isNode(item) ? (item.range ?? undefined) : undefined;
}

/** The errors of a file, for the editor's marks. */
export function findErrors(text: string): { from: number; to: number; message: string; isError: boolean }[] {
  return parseAllDocuments(text).flatMap((doc) =>
    [...doc.errors, ...doc.warnings].map((problem) => ({
      from: problem.pos[0],
      to: Math.max(problem.pos[1], problem.pos[0]),
      message: problem.message.split("\n")[0]!.replace(/ at line \d+, column \d+:?$/, ""),
      isError: problem.name === "YAMLParseError",
    })),
  );
}
