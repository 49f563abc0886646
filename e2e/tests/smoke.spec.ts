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

test("the app crosses the wire compressed", async ({ page }) => {
  const module = page.waitForResponse(/lectern_web_bg\.wasm$/);
  await page.goto("/sign-in");
  const headers = (await module).headers();
  expect(headers["content-encoding"]).toBe("br");
  expect(headers["content-type"]).toBe("application/wasm");
});
