// Journeys in Debian's Chromium against a running Lectern. `cargo xtask test browser` starts one and sets LECTERN_URL.
import { defineConfig } from "@playwright/test";

const url = process.env.LECTERN_URL;
if (!url) {
  throw new Error("LECTERN_URL is not set: run `cargo xtask test browser`, or name a running Lectern");
}

export default defineConfig({
  // `cargo xtask blocks` walks labs instead
  testDir: process.env.LECTERN_WALK_REPORT ? "walk" : "tests",
  // the original platform's samples are not in this repository: whoever has them names their folder
  testIgnore: process.env.LECTERN_SAMPLES_DIR ? [] : "8-samples.spec.ts",
  outputDir: "artefacts",
  // one platform with one node serves them all, and journeys are long
  workers: 1,
  timeout: 120_000,
  expect: { timeout: 15_000 },
  // a test that passes only sometimes has failed
  retries: 0,
  forbidOnly: !!process.env.CI,
  reporter: "list",
  use: {
    baseURL: url,
    actionTimeout: 20_000,
    viewport: { width: 1440, height: 900 },
    screenshot: "only-on-failure",
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    },
  },
});
