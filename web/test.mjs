// Runs the unit tests of the TypeScript under Node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

// beside the sources, so that packages are found
const folder = await mkdtemp(join(import.meta.dirname, ".tests-"));
let status = 1;
try {
  const names = (await readdir(join(import.meta.dirname, "tests"))).filter((name) => name.endsWith(".test.ts"));
  const entryPoints = names.map((name) => join(import.meta.dirname, "tests", name));
  const outExtension = { ".js": ".mjs" };
  await build({ entryPoints, outdir: folder, outExtension, bundle: true, platform: "browser", external: ["node:*"], format: "esm", target: "node20", logLevel: "warning" });
  const files = entryPoints.map((_, at) => join(folder, names[at].replace(/ts$/, "mjs")));
  status = spawnSync(process.execPath, ["--test", "--test-reporter=tap", ...files], { stdio: "inherit" }).status ?? 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(status);
