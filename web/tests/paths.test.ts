// Paths, sizes and texts of files, and what differs between two versions of one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { difference } from "../js/editor/documents";
import { sizeOf, textOf } from "../js/files/api";
import * as paths from "../js/files/paths";

const HOME = "/home/lab";

test("paths of labs are those below the home directory, or absolute", () => {
  const all = ["~/a/b", "$HOME/a/b", "${HOME}/a/b", "a/b", "./a//b", "~/a/c/../b", "/home/lab/a/b", " a/b "];
  for (const path of all) assert.equal(paths.absolute(path, HOME), "/home/lab/a/b", path);
  for (const path of ["~", "$HOME", "", "."]) assert.equal(paths.absolute(path, HOME), HOME, path);
  assert.equal(paths.absolute("/opt/workshop/x", HOME), "/opt/workshop/x");
  assert.equal(paths.absolute("~x/y", HOME), "/home/lab/~x/y");
  assert.equal(paths.clean("../../x"), "~/x");
});

test("paths are shown from the home directory", () => {
  assert.equal(paths.shown("/home/lab/a", HOME), "~/a");
  assert.equal(paths.shown(HOME, HOME), "~");
  assert.equal(paths.shown("/home/labs/a", HOME), "/home/labs/a");
  assert.ok(paths.isWithin("/a/b", "/a") && paths.isWithin("/a", "/a") && paths.isWithin("/a", "/"));
  assert.ok(!paths.isWithin("/ab", "/a"));
  assert.deepEqual([paths.folderOf("/a/b"), paths.folderOf("/a"), paths.nameOf("/a/b")], ["/a", "/", "b"]);
});

test("a name that no file can have is refused", () => {
  for (const good of ["a", "a/b.yaml", ".bashrc", "a b"]) assert.equal(paths.faultOf(good), undefined, good);
  for (const bad of ["", " ", "..", "a/../b", "x".repeat(256), "a\0"]) assert.ok(paths.faultOf(bad), bad);
});

test("sizes are said in few digits", () => {
  const sizes = [0, 1, 1023, 1024, 1536, 20_480, 5_767_168, 2 ** 30];
  const said = ["0 bytes", "1 byte", "1023 bytes", "1.0 KiB", "1.5 KiB", "20 KiB", "5.5 MiB", "1.0 GiB"];
  assert.deepEqual(sizes.map(sizeOf), said);
});

test("what is not UTF-8, or has a zero in it, is no text", () => {
  const bytes = (...all: number[]) => new Uint8Array(all);
  assert.equal(textOf(bytes(97, 0xc3, 0xa9)), "a\u{e9}");
  assert.equal(textOf(bytes(0xef, 0xbb, 0xbf, 97)), "\u{feff}a");
  assert.equal(textOf(bytes(97, 0)), undefined);
  assert.equal(textOf(bytes(0xff, 0xfe)), undefined);
});

test("the difference of two texts is one change that makes one of the other", () => {
  for (const [before, after] of [["", "a"], ["a", ""], ["abc", "axc"], ["aa", "aaa"], ["abab", "ab"], ["x", "x"]]) {
    const { from, to, insert } = difference(before!, after!);
    assert.equal(before!.slice(0, from) + insert + before!.slice(to), after, `${before} to ${after}`);
  }
});
