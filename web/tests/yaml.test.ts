// The YAML edits of the `editor:*` actions: right values, and what is not edited stays to the letter.
import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import * as yaml from "../js/editor/yaml";

const POD = `# a pod
apiVersion: v1
kind: Pod # its kind
metadata:
  name: "web"

spec:
  containers:
  - name: web   # the first
    image: nginx:1.19 # old
    ports: []
  - name: side
    image: 'busybox'
`;

function selected({ text, from, to }: { text: string; from: number; to: number }): string {
  return text.slice(from, to);
}

test("paths are read with keys, places, values of items, and quotes", () => {
  assert.deepEqual(yaml.readPath("spec.containers[0].name"), ["spec", "containers", 0, "name"]);
  assert.deepEqual(yaml.readPath("a[name=web].b"), ["a", { key: "name", value: "web" }, "b"]);
  assert.deepEqual(yaml.readPath('metadata.annotations["a.b/c"]'), ["metadata", "annotations", "a.b/c"]);
  assert.deepEqual(yaml.readPath("$.a"), ["$", "a"]);
  assert.deepEqual(yaml.readPath(""), []);
  assert.throws(() => yaml.readPath("a[b"), /cannot be read/);
  assert.throws(() => yaml.readPath("a[b]"), /neither a number nor/);
});

test("a value is set where it is, and its comment stays", () => {
  const edit = yaml.setValue(POD, "spec.containers[name=web].image", "nginx:1.25");
  assert.equal(edit.text, POD.replace("nginx:1.19 # old", "nginx:1.25 # old"));
  assert.equal(selected(edit), "25");
  assert.equal(yaml.setValue(POD, "metadata.name", "app").text, POD.replace('"web"', '"app"'));
  assert.equal(yaml.setValue(POD, "spec.containers[1].image", "x").text, POD.replace("'busybox'", "'x'"));
  assert.equal(yaml.setValue(POD, "spec.containers[-1].image", "x").text, POD.replace("'busybox'", "'x'"));
});

test("missing keys on the way to a value are created", () => {
  const edit = yaml.setValue(POD, "metadata.labels.app", "web");
  assert.equal(edit.text, POD.replace('name: "web"\n', 'name: "web"\n  labels:\n    app: web\n'));
  assert.equal(selected(edit), "  labels:\n    app: web\n");
  assert.equal(yaml.setValue("", "a.b", 1).text, "a:\n  b: 1\n");
  assert.equal(yaml.setValue("a:\n", "a.b", 1).text, "a:\n  b: 1\n");
  assert.equal(yaml.setValue("a: {}\n", "a.b", [1]).text, "a:\n  b:\n    - 1\n");
  assert.throws(() => yaml.setValue(POD, "kind.x", 1), /a plain value/);
  assert.throws(() => yaml.setValue(POD, "spec.containers[name=none].image", "x"), /There is no/);
});

test("items are added, inserted and replaced in the file's own style", () => {
  const item = { name: "new", image: "x" };
  const lines = "  - name: new\n    image: x\n";
  const added = yaml.addItem(POD, "spec.containers", item);
  assert.equal(added.text, POD + lines);
  assert.equal(selected(added), lines);
  const inserted = yaml.insertItem(POD, "spec.containers", 1, item);
  assert.equal(inserted.text, POD.replace("  - name: side", `${lines}  - name: side`));
  const first = yaml.insertItem(POD, "spec.containers", 0, item);
  assert.deepEqual(parse(first.text).spec.containers[0], item);
  assert.ok(first.text.includes("- name: web   # the first") || first.text.includes("- name: web # the first"));
  assert.equal(yaml.addItem(POD, "spec.containers[0].ports", 80).text, POD.replace("ports: []", "ports:\n    - 80"));
  const replaced = yaml.replaceItem(POD, "spec.containers[name=side]", item);
  assert.equal(replaced.text, POD.replace("name: side\n    image: 'busybox'", "name: new\n    image: x"));
  assert.throws(() => yaml.addItem(POD, "metadata", 1), /is not a list/);
  assert.throws(() => yaml.replaceItem(POD, "spec.containers[7]", 1), /There is no/);
});

test("values are merged into a mapping, whose other keys stay", () => {
  const edit = yaml.mergeValues(POD, "spec.containers[name=side]", { image: "y", tty: true });
  assert.equal(edit.text, POD.replace("image: 'busybox'\n", "image: 'y'\n    tty: true\n"));
  assert.throws(() => yaml.mergeValues(POD, "spec.containers", { a: 1 }), /is not a mapping/);
  assert.throws(() => yaml.mergeValues(POD, "spec", [1]), /Only a mapping/);
});

test("the older form adds to a list or a mapping", () => {
  const edit = yaml.insertValue(POD, "spec.containers", [{ name: "new" }]);
  assert.equal(edit.text, `${POD}  - name: new\n`);
  assert.equal(yaml.insertValue(POD, "metadata", { namespace: "x" }).text, POD.replace('"web"\n', '"web"\n  namespace: x\n'));
  assert.throws(() => yaml.insertValue(POD, "kind", 1), /neither a list nor a mapping/);
});

test("a key or an item is deleted", () => {
  assert.equal(yaml.deleteValue(POD, "spec.containers[1].image").text, POD.replace("    image: 'busybox'\n", ""));
  assert.equal(yaml.deleteValue(POD, "spec.containers[name=side]").text, POD.slice(0, POD.indexOf("  - name: side")));
  assert.throws(() => yaml.deleteValue(POD, "spec.none"), /There is no “spec.none”/);
});

test("a key with its value, or an item, is selected", () => {
  assert.equal(selected(yaml.selectPath(POD, "metadata")), 'metadata:\n  name: "web"');
  assert.equal(selected(yaml.selectPath(POD, "spec.containers[name=side]")), "name: side\n    image: 'busybox'");
  assert.equal(selected(yaml.selectPath(POD, "kind")), "kind: Pod");
  assert.ok(selected(yaml.selectPath(POD, "")).startsWith("apiVersion: v1"));
});

test("in a file of several documents the one that has the path is edited, and the others stay to the letter", () => {
  const first = "# one\na:   1\n";
  const second = "---\nb: 2 # two\nlist:   [x]\n";
  const third = "--- # three\nc:\n      - deep\n";
  const text = first + second + third;
  assert.equal(yaml.setValue(text, "b", 3).text, text.replace("b: 2", "b: 3"));
  assert.equal(yaml.setValue(text, "a", 3).text, text.replace("a:   1", "a: 3"));
  assert.equal(yaml.setValue(text, "c[0]", "x").text, text.replace("deep", "x"));
  assert.deepEqual(parse(yaml.setValue(text, "new", 1).text.split("---")[0]!), { a: 1, new: 1 });
});

test("what is spaced in a way of its own stays so where nothing is edited", () => {
  const text = "a:    1\n\n\n\nb:\n    c: [1,2]    # two\n    d: |\n        x\n          y\n# end\n";
  assert.equal(yaml.setValue(text, "b.c", 3).text, text.replace("c: [1,2]    # two", "c: 3 # two"));
  assert.equal(yaml.setValue(text, "b.e", 5).text, text.replace("# end", "    e: 5\n# end"));
});

test("a file that is not valid YAML is not touched, and the place is named", () => {
  assert.throws(() => yaml.setValue("a: [\nb: 1\n", "b", 2), /not valid YAML at line \d/);
  const [error] = yaml.findErrors("a: 1\nb: 'x\n");
  assert.ok(error && error.isError && error.from > 0, JSON.stringify(error));
  assert.deepEqual(yaml.findErrors(POD), []);
});
