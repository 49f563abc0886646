// The edits of the `editor:*` actions that change or select text, as functions of the text. Lines end with "\n"; lines are
// counted from 1, as authors do. What an argument means is as in the platform that the actions come from.

/** The text afterwards, and what is selected in it then. */
export interface Edit {
  text: string;
  from: number;
  to: number;
  /** What the learner should know, as a sentence. */
  note?: string;
}

/** Why an edit cannot be made, as a sentence for the learner. */
export class EditError extends Error {}

export interface Selection {
  from: number;
  to: number;
}

/** Where to look for a text. */
export interface Wanted {
  text: string;
  isRegex?: boolean;
  group?: number | null;
  start?: number | null;
  stop?: number | null;
}

/** Adds the end of the last line if there is none. */
export function ended(text: string): string {
  return text.endsWith("\n") ? text : `${text}\n`;
}

/** The positions at which the lines begin. After a last "\n" there is one more line, which is empty. */
function starts(text: string): number[] {
  const all = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) all.push(at + 1);
  return all;
}

/** The number of lines, without the empty one after a last "\n". */
export function countLines(text: string): number {
  const count = starts(text).length;
  return count > 1 && text.endsWith("\n") ? count - 1 : count;
}

/** Where a line begins, from 1; the end of the text if there are fewer. */
export function startOfLine(text: string, line: number): number {
  const all = starts(text);
  return line <= 1 ? 0 : (all[line - 1] ?? text.length);
}

/** The line at a position, from 1. */
export function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at >= 0 && at < position; at = text.indexOf("\n", at + 1)) line++;
  return line;
}

/** Replaces a part of the text by lines, which end what stands before them. Selects them. */
function put(text: string, from: number, to: number, lines: string): Edit {
  const before = text.slice(0, from);
  const joined = before && !before.endsWith("\n") ? `${before}\n` : before;
  const end = joined.length + lines.length;
  return { text: joined + lines + text.slice(to), from: joined.length, to: end };
}

function short(text: string): string {
  const line = text.trim().split("\n")[0] ?? "";
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}

function expression(text: string, flags = ""): RegExp {
  try {
    return new RegExp(text, `d${flags}`);
  } catch (error) {
    throw new EditError(`“${short(text)}” is no regular expression: ${(error as Error).message}.`);
  }
}

/** The part of the text in which is searched: whole lines, from `start` up to the line before `stop`. */
function searched(text: string, { start, stop }: Wanted): Selection {
  const all = starts(text);
  // a negative number counts from the end
  const index = (line: number) => (line < 0 ? all.length + line : line - 1);
  const first = Math.min(Math.max(index(start ?? 1), 0), all.length - 1);
  const last = stop === null || stop === undefined ? all.length : Math.max(index(stop), first);
  return { from: all[first]!, to: all[last] ?? text.length };
}

/** Finds the matches: across lines if what is wanted has several, otherwise the first of each line. */
export function find(text: string, wanted: Wanted, count = 1): Selection[] {
  const found: Selection[] = [];
  const { from, to } = searched(text, wanted);
  const spansLines = wanted.text.includes("\n");
  const pattern = wanted.isRegex ? expression(wanted.text) : undefined;
  const group = wanted.group ?? 0;
  const pieces = spansLines ? [text.slice(from, to)] : text.slice(from, to).split("\n");
  let offset = from;
  for (const piece of pieces) {
    let at = 0;
    while (found.length < count && at <= piece.length) {
      const match = pattern ? inPiece(piece.slice(at), pattern, group) : literal(piece.slice(at), wanted.text);
      if (!match) break;
      found.push({ from: offset + at + match.from, to: offset + at + match.to });
      if (!spansLines) break;
      at += Math.max(match.to, match.from + 1);
    }
    offset += piece.length + 1;
  }
  return found;
}

function literal(piece: string, text: string): Selection | undefined {
  const at = piece.indexOf(text);
  return at < 0 ? undefined : { from: at, to: at + text.length };
}

function inPiece(piece: string, pattern: RegExp, group: number): Selection | undefined {
  const match = pattern.exec(piece);
  if (!match) return undefined;
  const range = match.indices?.[group];
  if (!range) throw new EditError(`The expression has no group ${group} in what it matches.`);
  return { from: range[0], to: range[1] };
}

function need(wanted: Wanted): void {
  if (!wanted.text) throw new EditError("The block names no text to look for.");
}

/** `editor:select-matching-text`: with `before` or `after`, whole lines are selected. */
export function selectMatchingText(
  text: string,
  wanted: Wanted & { before?: number | null; after?: number | null },
): Edit {
  need(wanted);
  const [match] = find(text, wanted);
  if (!match) throw new EditError(`There is no “${short(wanted.text)}” in this file.`);
  const { before, after } = wanted;
  if ((before === null || before === undefined) && (after === null || after === undefined)) {
    return { text, ...match };
  }
  const first = lineAt(text, match.from);
  const last = Math.max(first, lineAt(text, Math.max(match.from, match.to - 1)));
  const from = (before ?? 0) < 0 ? 1 : Math.max(1, first - (before ?? 0));
  const to = (after ?? 0) < 0 ? Infinity : last + (after ?? 0);
  return { text, from: startOfLine(text, from), to: startOfLine(text, to + 1) };
}

/** `editor:replace-matching-text`: the first match, or `count` of them; -1 for all. */
export function replaceMatchingText(
  text: string,
  wanted: Wanted & { replacement: string; count?: number | null },
): Edit {
  need(wanted);
  const count = wanted.count || 1;
  const matches = find(text, wanted, count < 0 ? Infinity : count);
  if (!matches.length) throw new EditError(`There is no “${short(wanted.text)}” in this file.`);
  let result = "";
  let at = 0;
  let last: Selection = { from: 0, to: 0 };
  for (const match of matches) {
    result += text.slice(at, match.from);
    last = { from: result.length, to: result.length + wanted.replacement.length };
    result += wanted.replacement;
    at = match.to;
  }
  return { text: result + text.slice(at), ...last };
}

/** Which lines a range names; both ends included. */
function range(text: string, start?: number | null, stop?: number | null): [number, number] {
  const count = countLines(text);
  const line = (given: number) => Math.min(Math.max(given < 0 ? count + given + 1 : given, 1), count);
  const first = line(start ?? 1);
  // without both, it is the whole file; without an end, one line
  const isAll = (start === null || start === undefined) && (stop === null || stop === undefined);
  const last = isAll ? count : line(stop ?? first);
  return first <= last ? [first, last] : [last, first];
}

/** `editor:select-lines-in-range`. */
export function selectLines(text: string, start?: number | null, stop?: number | null): Edit {
  const [first, last] = range(text, start, stop);
  return { text, from: startOfLine(text, first), to: startOfLine(text, last + 1) };
}

function removeLines(text: string, first: number, last: number): Edit {
  let from = startOfLine(text, first);
  const to = startOfLine(text, last + 1);
  // no line is left half: what was the last line but one then ends the text as the last one did
  if (to === text.length && from > 0 && !text.endsWith("\n")) from--;
  return { text: text.slice(0, from) + text.slice(to), from, to: from };
}

/** `editor:delete-lines-in-range`. */
export function deleteLines(text: string, start?: number | null, stop?: number | null): Edit {
  const [first, last] = range(text, start, stop);
  return removeLines(text, first, last);
}

/** `editor:replace-lines-in-range`. */
export function replaceLines(text: string, lines: string, start?: number | null, stop?: number | null): Edit {
  const [first, last] = range(text, start, stop);
  return put(text, startOfLine(text, first), startOfLine(text, last + 1), ended(lines));
}

/** `editor:delete-matching-lines`: the first line that matches, `count` lines from it on, and lines around them. */
export function deleteMatchingLines(
  text: string,
  wanted: Wanted & { before?: number | null; after?: number | null; count?: number | null },
): Edit {
  need(wanted);
  const first = wanted.isRegex ? findLine(text, wanted.text, true) : findLine(text, wanted.text.trim(), false);
  if (!first) throw new EditError(`There is no “${short(wanted.text)}” in this file.`);
  const count = wanted.count ?? 1;
  const before = wanted.before ?? 0;
  const after = wanted.after ?? 0;
  const end = countLines(text);
  const from = before < 0 ? 1 : Math.max(1, first - before);
  const to = count < 0 || after < 0 ? end : Math.min(end, first + Math.max(count, 1) - 1 + after);
  return removeLines(text, from, to);
}

/** The first line that holds a text; 0 if there is none. */
function findLine(text: string, wanted: string, isRegex: boolean): number {
  const pattern = isRegex ? expression(wanted) : undefined;
  return text.split("\n").findIndex((line) => (pattern ? pattern.test(line) : line.includes(wanted))) + 1;
}

/** `editor:replace-text-selection`: at the cursor if nothing is selected. */
export function replaceSelection(text: string, { from, to }: Selection, replacement: string): Edit {
  return { text: text.slice(0, from) + replacement + text.slice(to), from, to: from + replacement.length };
}

/** `editor:delete-text-selection`: nothing if nothing is selected. */
export function deleteSelection(text: string, { from, to }: Selection): Edit {
  const edit = { text: text.slice(0, from) + text.slice(to), from, to: from };
  return from === to ? { ...edit, note: "Nothing is selected, so nothing was deleted." } : edit;
}

/** `editor:insert-lines-before-selection`. */
export function insertBeforeSelection(text: string, { from }: Selection, lines: string): Edit {
  const at = startOfLine(text, lineAt(text, from));
  return put(text, at, at, ended(lines));
}

/** `editor:append-lines-after-selection`. */
export function appendAfterSelection(text: string, { from, to }: Selection, lines: string): Edit {
  // whole lines are selected up to the beginning of the next one
  const at = startOfLine(text, lineAt(text, Math.max(from, to - 1)) + 1);
  return put(text, at, at, ended(lines));
}

/** `editor:append-lines-to-file`. */
export function appendLines(text: string, lines: string): Edit {
  return put(text, text.length, text.length, ended(lines));
}

/** `editor:prepend-lines-to-file`. */
export function prependLines(text: string, lines: string): Edit {
  return put(text, 0, 0, ended(lines));
}

/** Inserts lines before one; a file that is too short gets empty lines up to there. */
function insertAt(text: string, line: number, lines: string): Edit {
  const missing = line - 1 - countLines(text);
  if (missing <= 0 || !text) {
    const at = startOfLine(text, line);
    return put(text, at, at, ended(lines));
  }
  const filled = ended(text) + "\n".repeat(missing);
  return put(filled, filled.length, filled.length, ended(lines));
}

function counted(text: string, line: number): number {
  return line < 0 ? Math.max(countLines(text) + line + 1, 1) : line;
}

/** `editor:insert-lines-before-line`. */
export function insertBeforeLine(text: string, line: number, lines: string): Edit {
  return insertAt(text, counted(text, line), lines);
}

/** `editor:append-lines-after-line`. */
export function appendAfterLine(text: string, line: number, lines: string): Edit {
  return insertAt(text, counted(text, line) + 1, lines);
}

/** `editor:append-lines-after-match`: at the end of the file if no line matches. */
export function appendAfterMatch(text: string, match: string, lines: string): Edit {
  need({ text: match });
  const line = findLine(text, match.trim(), false);
  if (line) return insertAt(text, line + 1, lines);
  const note = `There is no “${short(match)}” in this file, so the lines were added at its end.`;
  return { ...appendLines(text, lines), note };
}

/** `editor:insert-lines-before-match`. */
export function insertBeforeMatch(text: string, match: string, lines: string): Edit {
  need({ text: match });
  const line = findLine(text, match.trim(), false);
  if (!line) throw new EditError(`There is no “${short(match)}” in this file.`);
  return insertAt(text, line, lines);
}
