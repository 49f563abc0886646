import { expect, test } from "@playwright/test";

test("a visitor who is not signed in sees the sign-in page and no error", async ({ page }, testInfo) => {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));

  const response = await page.goto("/");

  expect(response?.status()).toBe(200);
  await expect(page).toHaveTitle(/Lectern/);
  await expect(page.getByLabel("Password")).toBeVisible();
  await expect(page.locator("#boot")).toHaveCount(0);
  await page.screenshot({ path: testInfo.outputPath("sign-in.png") });
  expect(complaints).toEqual([]);
});

test("the app crosses the wire compressed, and stays in the browser's cache", async ({ page }) => {
  const module = page.waitForResponse(/\/assets\/lectern_web_bg-\w+\.wasm$/);
  await page.goto("/sign-in");
  const headers = (await module).headers();
  expect(headers["content-encoding"]).toBe("br");
  expect(headers["content-type"]).toBe("application/wasm");
  expect(headers["cache-control"]).toContain("immutable");
});

test("the sign-in page loads one module, and nothing of the workspace", async ({ page }) => {
  const loaded: string[] = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  await page.goto("/sign-in");
  await expect(page.getByLabel("Password")).toBeVisible();
  await page.waitForLoadState("networkidle");
  expect(loaded.filter((path) => path.endsWith(".wasm"))).toHaveLength(1);
  expect(loaded.filter((path) => /workspace|screen|panel/.test(path))).toEqual([]);
});

test("something is drawn before the app is here", async ({ page }) => {
  await page.route(/\.wasm$/, () => {});
  await page.goto("/sign-in", { waitUntil: "commit" });
  await expect(page.locator("#boot")).toContainText("Lectern");
  await expect(page.locator("#boot .boot-lines span").first()).toHaveCSS("border-top-style", "solid");
});
