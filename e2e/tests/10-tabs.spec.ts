// The tabs beside the page, with the labs that show them: tools, dashboards, further terminals, an application of the learner's.
import AxeBuilder from "@axe-core/playwright";
import { expect, test, type Locator, type Page } from "@playwright/test";
import { blocks, endSession, picture, signIn, startLab, terminalText, waitForPrompt } from "./support";

/** Clicks every block of a lab, page by page; `after` looks at what follows from it. */
async function walk(page: Page, fails: RegExp, after: (block: Locator, what: string) => Promise<void>): Promise<void> {
  for (let number = 1; ; number++) {
    await expect(page.getByTestId("progress-text")).toContainText(`Page ${number} of`);
    await expect(page.locator("article.lab-page")).toBeVisible();
    const count = await blocks(page).count();
    for (let at = 0; at < count; at++) {
      const block = blocks(page).nth(at);
      if (!(await block.isVisible())) continue;
      const what = (await block.locator(".action-text").textContent()) ?? "";
      if (/Run in terminal 1/.test(what)) await waitForPrompt(page);
      await block.locator("button.action-run").click();
      const state = fails.test(what) ? "failed" : "done";
      await expect(block, what).toHaveAttribute("data-state", state, { timeout: 60_000 });
      await after(block, what);
    }
    const next = page.getByTestId("page-next");
    if ((await next.count()) === 0) return;
    await next.click();
  }
}

/** Nothing that a checker finds stands in the way of somebody who cannot see or use a mouse. */
async function expectAccessible(page: Page, where: string): Promise<void> {
  const results = await new AxeBuilder({ page }).exclude("iframe").analyze();
  const found = results.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect(found, where).toEqual([]);
}

test("the first steps lead through terminals, editor, files, cluster and tabs", async ({ page }) => {
  test.setTimeout(300_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  await signIn(page, "omar");
  await startLab(page, "first-steps");
  await expectAccessible(page, "terminals");
  let checks = 0;
  await walk(page, /greeting\.txt in your home/, async (block, what) => {
    if (what.includes("Set yaml value")) {
      await expect(page.getByTestId("tool-editor")).toContainText('edited: "true"');
      await picture(page, "50-editor");
      await expectAccessible(page, "editor");
    }
    if (what.includes('"Console"')) {
      await expect(page.getByTestId("tool-cluster")).toContainText("hello");
      await picture(page, "51-cluster");
      await expectAccessible(page, "cluster");
    }
    if (what.includes("Download file")) {
      const preview = page.locator("dialog[open]");
      await expect(preview).toContainText("Hello from the editor");
      await preview.getByRole("button", { name: "Close" }).click();
      await expectAccessible(page, "files");
    }
    if (what.includes("notes")) {
      await expect(page.getByRole("tab", { name: "Notes" })).toHaveAttribute("aria-selected", "true");
    }
    if ((await block.getAttribute("data-action-kind"))?.startsWith("examiner")) checks++;
  });
  expect(checks).toBe(3);
  await expect(page.getByRole("tab", { name: "Notes" })).toHaveCount(0);
  expect(complaints).toEqual([]);

  // a further terminal, which a reload keeps
  await page.getByTestId("open-tab").click();
  await page.getByTestId("open-terminal").click();
  await expect(page.getByTestId("terminal-status-3")).toHaveAttribute("data-state", "connected");
  await waitForPrompt(page, "3");
  await expect(page.getByTestId("terminal-3").locator("textarea")).toBeFocused();
  await page.reload();
  await expect(page.getByTestId("terminal-tab-3")).toHaveAttribute("aria-selected", "true");
  await expect(page.getByTestId("terminal-status-3")).toHaveAttribute("data-state", "connected");

  // by keyboard: between tabs, and closing one
  await page.getByTestId("terminal-tab-3").focus();
  await page.keyboard.press("Home");
  await expect(page.getByTestId("terminal-tab-1")).toBeFocused();
  await expect(page.getByTestId("terminal-1")).toBeVisible();
  await page.keyboard.press("ArrowLeft");
  await expect(page.getByTestId("terminal-tab-3")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(page.getByTestId("terminal-tab-3")).toHaveCount(0);

  // a border between two terminals moves by keys
  await page.getByTestId("terminal-tab-1").click();
  const border = page.getByTestId("splitter-level");
  const before = (await page.getByTestId("terminal-1").boundingBox())!.height;
  await border.focus();
  for (let times = 0; times < 5; times++) await page.keyboard.press("ArrowUp");
  expect((await page.getByTestId("terminal-1").boundingBox())!.height).toBeLessThan(before - 30);
  await endSession(page);
});

test("a web application is deployed, published by an ingress and shown in a tab", async ({ page, context }) => {
  test.setTimeout(300_000);
  await signIn(page, "omar");
  await startLab(page, "web-app");
  await walk(page, /^$/, async (_, what) => {
    if (what.includes('Open the tab "Web"')) {
      const frame = page.frameLocator(".web-frame");
      await expect(frame.locator("body")).toContainText("It works!", { timeout: 30_000 });
      await picture(page, "52-web-app");
    }
    if (what.includes("Open in a browser tab")) {
      await expect.poll(() => context.pages().length).toBe(2);
      const other = context.pages()[1]!;
      await expect(other.locator("body")).toContainText("It works!");
      expect(new URL(other.url()).host).toMatch(/^web-lab-web-app-/);
      await other.close();
    }
    if (what.includes('"Console"')) {
      await expect(page.getByTestId("tool-cluster")).toContainText("2/2 ready", { timeout: 30_000 });
      await picture(page, "53-workloads");
    }
  });
  await endSession(page);
});

test("commands are found by keys, colours are chosen, and what is typed without a connection is sent afterwards", async ({ page, context }) => {
  test.setTimeout(180_000);
  await signIn(page, "omar");
  await expectAccessible(page, "catalogue");
  await startLab(page, "first-steps");
  await page.locator("#lab-page").focus();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toBeVisible();
  await expectAccessible(page, "keys");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("high contrast");
  await page.keyboard.press("Enter");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "contrast");
  await expectAccessible(page, "high contrast");
  await picture(page, "54-contrast");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Command" }).fill("page cluster");
  await page.keyboard.press("Enter");
  await expect(page.locator("article.lab-page")).toHaveAttribute("data-page", "03-cluster");
  await expect(page).toHaveTitle(/^Your part of the cluster · First steps in Lectern/);
  await page.keyboard.press("n");
  await expect(page.locator("article.lab-page")).toHaveAttribute("data-page", "04-tabs");

  // the pages before were read, so they can be read without a connection
  await context.setOffline(true);
  await page.keyboard.press("p");
  await expect(page.locator("article.lab-page")).toHaveAttribute("data-page", "03-cluster");
  await expect(page.getByTestId("terminal-status-1")).toHaveAttribute("data-state", "reconnecting");
  await page.getByTestId("terminal-1").click();
  await page.keyboard.type("echo typed-$((20+3))\n");
  await expect(page.getByTestId("terminal-status-1")).toContainText("What you type is sent when it is back");
  await context.setOffline(false);
  await expect.poll(() => terminalText(page), { timeout: 30_000 }).toContain("typed-23");
  await endSession(page);
});
