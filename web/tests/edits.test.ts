// The text edits of the `editor:*` actions: each of them, with what it selects.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as edits from "../js/editor/edits";

const FILE = "one\ntwo\nthree\nfour\n";

/** The text with marks around what is selected. */
function marked({ text, from, to }: edits.Edit): string {
  return `${text.slice(0, from)}[${text.slice(from, to)}]${text.slice(to)}`;
}

test("the first match is selected, or its group", () => {
  assert.equal(marked(edits.selectMatchingText(FILE, { text: "t" })), "one\n[t]wo\nthree\nfour\n");
  const image = 'a: "x"\nimage: nginx:1.19\n';
  const group = { text: "image: (.*):(.*)", isRegex: true, group: 2 };
  assert.equal(marked(edits.selectMatchingText(image, group)), 'a: "x"\nimage: nginx:[1.19]\n');
  assert.equal(marked(edits.selectMatchingText("a.c\nabc", { text: "a.c" })), "[a.c]\nabc");
  assert.equal(marked(edits.selectMatchingText("abc a.c", { text: "a.c", isRegex: true })), "[abc] a.c");
  assert.throws(() => edits.selectMatchingText(FILE, { text: "six" }), /There is no “six” in this file/);
  assert.throws(() => edits.selectMatchingText(FILE, { text: "(", isRegex: true }), /no regular expression/);
  assert.throws(() => edits.selectMatchingText(FILE, { text: "(a)?one", isRegex: true, group: 1 }), /no group 1/);
  assert.throws(() => edits.selectMatchingText(FILE, { text: "" }), edits.EditError);
});

test("lines before and after a match are selected whole", () => {
  const select = (before: number | null, after: number | null) =>
    marked(edits.selectMatchingText(FILE, { text: "wo", before, after }));
  assert.equal(select(0, 0), "one\n[two\n]three\nfour\n");
  assert.equal(select(null, 1), "one\n[two\nthree\n]four\n");
  assert.equal(select(9, null), "[one\ntwo\n]three\nfour\n");
  assert.equal(select(-1, -1), "[one\ntwo\nthree\nfour\n]");
});

test("a text of several lines is found as it is, and selected with its lines", () => {
  const wanted = { text: "two\nthree\n" };
  assert.equal(marked(edits.selectMatchingText(FILE, wanted)), "one\n[two\nthree\n]four\n");
  assert.equal(marked(edits.selectMatchingText(FILE, { ...wanted, after: 0 })), "one\n[two\nthree\n]four\n");
  assert.equal(marked(edits.selectMatchingText(FILE, { text: "t.*\nt", isRegex: true })), "one\n[two\nt]hree\nfour\n");
});

test("a search goes from a line up to the line before another", () => {
  const find = (start?: number, stop?: number) => edits.find("x\nx\nx\nx", { text: "x", start, stop }, 9).length;
  assert.deepEqual([find(), find(1), find(3), find(-1), find(1, 3), find(undefined, -1), find(9)], [4, 4, 2, 1, 2, 3, 1]);
  assert.equal(marked(edits.selectMatchingText(FILE, { text: "o", start: 2 })), "one\ntw[o]\nthree\nfour\n");
});

test("matches are replaced: one, some, all", () => {
  const replace = (more: object) =>
    marked(edits.replaceMatchingText("a a\na\na\n", { text: "a", replacement: "bb", ...more }));
  assert.equal(replace({}), "[bb] a\na\na\n");
  assert.equal(replace({ count: 2 }), "bb a\n[bb]\na\n");
  assert.equal(replace({ count: -1 }), "bb a\nbb\n[bb]\n");
  assert.equal(replace({ count: -1, start: 2, stop: 3 }), "a a\n[bb]\na\n");
  const regex = { text: "replicas: (\\d+)", isRegex: true, group: 1, replacement: "$1" };
  assert.equal(marked(edits.replaceMatchingText("replicas: 12\n", regex)), "replicas: [$1]\n");
  const block = { text: "two\nthree\n", replacement: "2\n" };
  assert.equal(marked(edits.replaceMatchingText(FILE, block)), "one\n[2\n]four\n");
  assert.equal(edits.replaceMatchingText("a\n\na\n\na\n\n", { text: "a\n\n", replacement: "", count: -1 }).text, "");
  assert.throws(() => edits.replaceMatchingText(FILE, { text: "six", replacement: "" }), /“six”/);
});

test("lines are selected, deleted and replaced by number", () => {
  assert.equal(marked(edits.selectLines(FILE, 2)), "one\n[two\n]three\nfour\n");
  assert.equal(marked(edits.selectLines(FILE, 2, 3)), "one\n[two\nthree\n]four\n");
  assert.equal(marked(edits.selectLines(FILE, 3, 2)), "one\n[two\nthree\n]four\n");
  assert.equal(marked(edits.selectLines(FILE, -1)), "one\ntwo\nthree\n[four\n]");
  assert.equal(marked(edits.selectLines(FILE)), "[one\ntwo\nthree\nfour\n]");
  assert.equal(marked(edits.selectLines(FILE, 3, 99)), "one\ntwo\n[three\nfour\n]");
  assert.equal(marked(edits.deleteLines(FILE, 2, 3)), "one\n[]four\n");
  assert.equal(marked(edits.deleteLines("one\ntwo", 2)), "one[]");
  assert.equal(edits.deleteLines(FILE).text, "");
  assert.equal(marked(edits.replaceLines(FILE, "2", 2)), "one\n[2\n]three\nfour\n");
  assert.equal(marked(edits.replaceLines(FILE, "3\n4\n", 3, 4)), "one\ntwo\n[3\n4\n]");
  assert.equal(marked(edits.replaceLines("one\ntwo", "2", 2)), "one\n[2\n]");
});

test("lines that match are deleted, with lines around them", () => {
  const remove = (more: object) => edits.deleteMatchingLines(FILE, { text: " two ", ...more }).text;
  assert.equal(remove({}), "one\nthree\nfour\n");
  assert.equal(remove({ count: 2 }), "one\nfour\n");
  assert.equal(remove({ before: 1, after: 1 }), "four\n");
  assert.equal(remove({ before: -1 }), "three\nfour\n");
  assert.equal(remove({ after: -1 }), "one\n");
  assert.equal(remove({ count: -1 }), "one\n");
  assert.equal(edits.deleteMatchingLines(FILE, { text: "^t.*e$", isRegex: true }).text, "one\ntwo\nfour\n");
  assert.throws(() => edits.deleteMatchingLines(FILE, { text: "six" }), /“six”/);
});

test("what is selected is replaced and deleted, and lines are put around it", () => {
  const two = { from: 4, to: 8 };
  assert.equal(marked(edits.replaceSelection(FILE, two, "2")), "one\n[2]three\nfour\n");
  assert.equal(marked(edits.replaceSelection(FILE, { from: 4, to: 4 }, "2")), "one\n[2]two\nthree\nfour\n");
  assert.equal(marked(edits.deleteSelection(FILE, two)), "one\n[]three\nfour\n");
  assert.match(edits.deleteSelection(FILE, { from: 4, to: 4 }).note ?? "", /Nothing is selected/);
  assert.equal(marked(edits.insertBeforeSelection(FILE, two, "x")), "one\n[x\n]two\nthree\nfour\n");
  assert.equal(marked(edits.appendAfterSelection(FILE, two, "x")), "one\ntwo\n[x\n]three\nfour\n");
  // a word within a line: the lines go before and after that line
  assert.equal(marked(edits.insertBeforeSelection(FILE, { from: 5, to: 6 }, "x")), "one\n[x\n]two\nthree\nfour\n");
  assert.equal(marked(edits.appendAfterSelection(FILE, { from: 5, to: 6 }, "x")), "one\ntwo\n[x\n]three\nfour\n");
  assert.equal(marked(edits.appendAfterSelection("one", { from: 0, to: 3 }, "x")), "one\n[x\n]");
});

test("lines are added at the end and at the start", () => {
  assert.equal(marked(edits.appendLines(FILE, "x")), `${FILE}[x\n]`);
  assert.equal(marked(edits.appendLines("one", "x\ny\n")), "one\n[x\ny\n]");
  assert.equal(marked(edits.appendLines("", "x")), "[x\n]");
  assert.equal(marked(edits.prependLines(FILE, "x")), `[x\n]${FILE}`);
});

test("lines are inserted before and after a line", () => {
  assert.equal(marked(edits.insertBeforeLine(FILE, 1, "x")), `[x\n]${FILE}`);
  assert.equal(marked(edits.insertBeforeLine(FILE, 3, "x")), "one\ntwo\n[x\n]three\nfour\n");
  assert.equal(marked(edits.insertBeforeLine(FILE, -1, "x")), "one\ntwo\nthree\n[x\n]four\n");
  assert.equal(marked(edits.insertBeforeLine(FILE, 5, "x")), `${FILE}[x\n]`);
  assert.equal(marked(edits.insertBeforeLine("one\n", 4, "x")), "one\n\n\n[x\n]");
  assert.equal(marked(edits.appendAfterLine(FILE, 1, "x")), "one\n[x\n]two\nthree\nfour\n");
  assert.equal(marked(edits.appendAfterLine(FILE, 0, "x")), `[x\n]${FILE}`);
  assert.equal(marked(edits.appendAfterLine(FILE, -1, "x")), `${FILE}[x\n]`);
  assert.equal(marked(edits.appendAfterLine("one", 1, "x")), "one\n[x\n]");
  assert.equal(marked(edits.insertBeforeLine("", 1, "x")), "[x\n]");
});

test("lines are inserted before and after the first line that holds a text", () => {
  assert.equal(marked(edits.appendAfterMatch(FILE, " hr ", "x")), "one\ntwo\nthree\n[x\n]four\n");
  assert.equal(marked(edits.insertBeforeMatch(FILE, "hr", "x")), "one\ntwo\n[x\n]three\nfour\n");
  const absent = edits.appendAfterMatch(FILE, "six", "x");
  assert.equal(marked(absent), `${FILE}[x\n]`);
  assert.match(absent.note ?? "", /“six”.*at its end/);
  assert.throws(() => edits.insertBeforeMatch(FILE, "six", "x"), /“six”/);
});
