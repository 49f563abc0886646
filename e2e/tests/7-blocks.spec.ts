// Every kind of block, clicked: terminals, sections, checks and the text around them.
import { createHash } from "node:crypto";
import { cp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, type Locator, type Page } from "@playwright/test";
import { api, blocks, endSession, picture, signIn, startLab, terminalText, waitForLab, waitForPrompt } from "./support";

const folder = join(process.env.LECTERN_LABS_DIR!, "every-block");
const slug = "every-block";

/** A here-document of 5,091 bytes in which every line has tabs. */
const tabbed = (() => {
  let text = "";
  for (let number = 0; text.length < 5_000; number++) text += `\tline ${number}:\t\t$HOME 'quoted' \tend\n`;
  return `${text}${"x".repeat(5_090 - text.length)}\n`;
})();

test.beforeAll(async () => {
  await cp(fileURLToPath(new URL(`../fixtures/${slug}`, import.meta.url)), folder, { recursive: true });
  const block = (command: string) => `\`\`\`execute\n${command}\n\`\`\`\n\n`;
  const page = block(`cat > ~/tabbed << 'END'\n${tabbed}END`) + block("clear; sha256sum ~/tabbed");
  await writeFile(join(folder, "workshop", "content", "tabs.md"), page);
});

test.afterAll(() => rm(folder, { recursive: true, force: true }));

function block(page: Page, text: string): Locator {
  return blocks(page).filter({ hasText: text });
}

async function click(target: Locator): Promise<void> {
  await target.locator(".action-run").click();
}

async function openPage(page: Page, name: string): Promise<void> {
  await page.getByTestId("contents-open").click();
  await page.getByTestId(`contents-${name}`).click();
  await expect(page.locator("article.lab-page")).toHaveAttribute("data-page", name);
}

async function start(page: Page): Promise<void> {
  await signIn(page, "omar");
  await waitForLab(page, slug);
  await startLab(page, slug);
}

test("a block that starts by itself does so once in each session, over reloads too, and what waits keeps its order", async ({ page }) => {
  test.setTimeout(240_000);
  await signIn(page, "omar");
  await waitForLab(page, slug);
  for (let round = 0; round < 3; round++) {
    await page.goto("/labs");
    await page.getByTestId(`lab-start-${slug}`).click();
    await expect(page.getByTestId("workspace")).toBeVisible();
    // at once, wherever it is by then
    if (round > 0) await page.reload();
    const begun = blocks(page).nth(0);
    await expect(begun).toHaveAttribute("data-state", "done", { timeout: 60_000 });
    await waitForPrompt(page);
    await page.reload();
    await expect(begun).toHaveAttribute("data-state", "done");
    await openPage(page, "terminals");
    await openPage(page, "start");
    await expect(page.getByTestId("terminal-status-1")).toHaveAttribute("data-state", "connected");
    await waitForPrompt(page);
    if (round < 2) {
      await click(block(page, "clear; echo order-"));
      await expect.poll(() => terminalText(page)).toContain("order-begun-end");
      await endSession(page);
    }
  }

  await page.context().setOffline(true);
  await expect(page.getByTestId("terminal-status-1")).toHaveAttribute("data-state", "reconnecting");
  const waiting = [block(page, "echo second"), block(page, "echo third"), block(page, "echo order-")];
  for (const one of waiting) {
    await click(one);
    await expect(one).toHaveAttribute("data-state", "running");
    await expect(one).toContainText("Waiting for the terminal");
  }
  await picture(page, "30-waiting");
  await page.context().setOffline(false);
  for (const one of waiting) await expect(one).toHaveAttribute("data-state", "done", { timeout: 30_000 });
  await expect.poll(() => terminalText(page)).toContain("order-begun-second-third-end");
  await endSession(page);
});

test("blocks reach the terminals that they name, paste without running, and say what cannot be shown", async ({ page, context }) => {
  test.setTimeout(180_000);
  await start(page);
  await expect(page.getByTestId("page-next")).toContainText("To the terminals");
  await page.getByTestId("page-next").click();
  for (const name of ["2", "3", "4"]) {
    await expect(page.getByTestId(`terminal-status-${name}`)).toHaveAttribute("data-state", "connected");
    await waitForPrompt(page, name);
  }

  const typed: [string, string][] = [["1", "from-1 on 1"], ["2", "from-2 on 2"], ["4", "from-4 on 4"]];
  for (const [at, [name, output]] of typed.entries()) {
    await click(blocks(page).nth(at));
    await expect.poll(() => terminalText(page, name)).toContain(output);
    await expect(page.getByTestId(`terminal-${name}`).locator("textarea")).toBeFocused();
  }
  // a terminal outside the layout has a tab of its own
  await expect(page.getByTestId("terminal-4")).toBeVisible();
  await expect(page.getByTestId("terminal-1")).toBeHidden();
  await picture(page, "31-terminal-4");

  for (const [text, output] of [["starred", "starred-7"], ["everywhere", "everywhere-8"]] as const) {
    await click(block(page, text));
    for (const name of ["1", "2", "3", "4"]) {
      await expect.poll(() => terminalText(page, name)).toContain(`${output} on ${name}`);
    }
    await expect(page.getByTestId("terminal-1").locator("textarea")).toBeFocused();
  }

  await waitForPrompt(page);
  await click(block(page, "Who?"));
  await expect.poll(async () => (await terminalText(page)).trimEnd()).toMatch(/Who\?$/);
  await click(block(page, "moon"));
  await expect.poll(() => terminalText(page)).toContain("hello-moon-9");

  await waitForPrompt(page);
  await click(block(page, "echo pasted-"));
  await expect.poll(() => terminalText(page)).toContain("echo also-$((5+6))");
  // it would have run by now
  await page.waitForTimeout(1_000);
  expect(await terminalText(page)).not.toContain("pasted-10");
  await click(block(page, "Interrupt all terminals"));
  await waitForPrompt(page);

  await click(block(page, "Go to terminal 4"));
  await expect(page.getByTestId("terminal-4")).toBeVisible();
  await page.getByTestId("terminal-tab-1").click();
  for (const at of [10, 11]) {
    await click(blocks(page).nth(at));
    await expect(blocks(page).nth(at)).toHaveAttribute("data-state", "done");
    await expect(page.getByTestId("terminal-1").locator("textarea")).toBeFocused();
  }
  await click(block(page, "Clear all terminals"));
  await expect.poll(() => terminalText(page)).not.toContain("hello-moon-9");

  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await click(block(page, "copied by a block"));
  await expect(block(page, "copied by a block")).toHaveAttribute("data-state", "done");
  expect(await pasted(page)).toBe("copied by a block");

  for (const address of ["http://blog-ns.", "no-preview.invalid"]) {
    const dead = block(page, address);
    await expect(dead).toContainText("This workspace can't show web applications.");
    await expect(dead.getByRole("button")).toHaveCount(0);
  }
  await expect(page.locator("[data-state=failed]")).toHaveCount(0);

  await openPage(page, "tabs");
  await waitForPrompt(page);
  await click(blocks(page).nth(0));
  await waitForPrompt(page);
  await click(blocks(page).nth(1));
  const sum = createHash("sha256").update(tabbed).digest("hex");
  await expect.poll(() => terminalText(page), { timeout: 30_000 }).toContain(sum);
  await endSession(page);
});

test("a section closes with those inside it", async ({ page }) => {
  await start(page);
  await openPage(page, "sections");
  const [outer, inner] = [page.getByText("Outer", { exact: false }).first(), page.getByText("The inner part.")];
  await outer.click();
  await page.getByText("Inner", { exact: false }).first().click();
  await expect(inner).toBeVisible();
  await outer.click();
  await outer.click();
  await expect(page.getByText("The outer part.")).toBeVisible();
  await expect(inner).toBeHidden();
  await click(block(page, "To be ticked off"));
  await expect(block(page, "To be ticked off")).toHaveAttribute("data-state", "done");
  await endSession(page);
});

test("each block keeps the result of its own check, and a form asks what its author asks", async ({ page }) => {
  await start(page);
  await openPage(page, "checks");
  const [passes, fails] = [block(page, "Red is red"), block(page, "Green is red")];
  await click(passes);
  await expect(passes).toHaveAttribute("data-state", "done", { timeout: 30_000 });
  await expect(fails).toHaveAttribute("data-state", "idle");
  await click(fails);
  await expect(fails).toHaveAttribute("data-state", "failed", { timeout: 30_000 });
  await expect(fails).toContainText("green is not red");
  await click(block(page, "Without a form"));
  await expect(block(page, "Without a form")).toHaveAttribute("data-state", "done", { timeout: 30_000 });

  const form = block(page, "With a form");
  expect(await form.locator("label").allTextContents()).toEqual(["Zone", "Count", "Name", "Really"]);
  const count = form.getByLabel("Count");
  for (const [attribute, value] of [["type", "number"], ["step", "1"], ["min", "1"], ["max", "5"]]) {
    await expect(count).toHaveAttribute(attribute!, value!);
  }
  await expect(form.getByLabel("Zone")).toHaveValue("south");
  await form.getByLabel("Name").fill("mist");
  await form.getByLabel("Really").check();
  await count.fill("9");
  await form.getByRole("button", { name: "Tell it" }).click();
  // the browser refuses what is out of bounds
  await expect(form).toHaveAttribute("data-state", "idle");
  await count.fill("4");
  await form.getByRole("button", { name: "Tell it" }).click();
  await expect(form).toHaveAttribute("data-state", "done", { timeout: 30_000 });

  await page.reload();
  await expect(passes).toHaveAttribute("data-state", "done");
  await expect(fails).toHaveAttribute("data-state", "failed");
  const me = await api<{ id: string; lab: string; state: { phase: string } }[]>(page, "GET", "/sessions");
  const own = me.body.find((one) => one.lab === slug && one.state.phase === "running")!;
  const known = await api<{ pages: { page: string; checks: { name: string; block: number; passed: boolean }[] }[] }>(page, "GET", `/sessions/${own.id}/progress`);
  const checks = known.body.pages.find((one) => one.page === "checks")!.checks.filter((check) => check.name === "is");
  expect(checks.map((check) => [check.block, check.passed])).toEqual([[0, true], [1, false]]);
  await picture(page, "32-checks");
  await endSession(page);
});

test("text keeps its form: tables scroll, tasks have one box, code can be copied, dead links are no links", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await start(page);
  await openPage(page, "text");
  const box = page.locator(".table-box");
  const sizes = await box.evaluate((element) => ({ inner: element.scrollWidth, outer: element.clientWidth }));
  expect(sizes.inner).toBeGreaterThan(sizes.outer);
  await expect(box).toHaveAttribute("tabindex", "0");
  // the page itself does not scroll sideways
  expect(await page.locator("#lab-page").evaluate((pane) => pane.scrollWidth - pane.clientWidth)).toBe(0);
  for (const width of await page.locator(".prose td.long").evaluateAll((cells) => cells.map((cell) => cell.clientWidth))) {
    expect(width).toBeGreaterThan(200);
  }
  const alignments = await page.locator(".prose tbody td").evaluateAll((cells) => cells.slice(0, 3).map((cell) => getComputedStyle(cell).textAlign));
  expect(alignments).toEqual(["left", "center", "right"]);

  const task = page.locator(".prose li", { hasText: "to do" });
  await expect(task.locator("input")).toHaveCount(1);
  expect(await task.evaluate((item) => getComputedStyle(item).listStyleType)).toBe("none");
  await expect(page.locator(".prose kbd")).toHaveCount(2);
  await expect(page.locator(".prose blockquote")).toContainText("Somebody said so.");

  const dead = page.locator(".prose a.dead");
  await expect(dead).toHaveText("A page of the session");
  await expect(dead).not.toHaveAttribute("href");
  expect(await dead.evaluate((link) => getComputedStyle(link).textDecorationLine)).toBe("none");
  await expect(page.locator(".dead-note")).toContainText("This workspace can't show web applications");
  await expect(page.getByRole("link", { name: "another site" })).toHaveAttribute("target", "_blank");

  // a word of the command is not broken at its hyphens
  const words = await page.locator(".action-body .word").evaluateAll((all) => all.map((word) => word.getClientRects().length));
  expect(words.length).toBeGreaterThan(2);
  expect(Math.max(...words)).toBe(1);

  const copy = page.getByRole("button", { name: "Copy this code" });
  await copy.focus();
  await page.keyboard.press("Enter");
  await expect(page.locator(".code-copy").first()).toHaveText("Copied");
  expect(await pasted(page)).toBe("echo copied-by-a-button");

  await expect(page.getByTestId("page-finish")).toContainText("That was all");
  await context.route("https://example.com/**", (route) => route.fulfill({ body: "elsewhere" }));
  const [elsewhere] = await Promise.all([context.waitForEvent("page"), page.getByTestId("page-finish").click()]);
  expect(elsewhere.url()).toBe("https://example.com/next");
  await elsewhere.close();
  await expect(page.getByTestId("lab-finished")).toBeVisible();
  await picture(page, "33-text");
  await endSession(page);
});

test("code can be copied where the browser offers no clipboard", async ({ page }) => {
  await page.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, "clipboard", { get: () => undefined, configurable: true });
  });
  await start(page);
  await openPage(page, "text");
  await page.getByRole("button", { name: "Copy this code" }).click();
  await expect(page.locator(".code-copy").first()).toHaveText("Copied");
  expect(await pasted(page)).toBe("echo copied-by-a-button");
  await endSession(page);
});

/** What the learner would paste now. */
async function pasted(page: Page): Promise<string> {
  await page.evaluate(() => {
    const area = document.createElement("textarea");
    area.id = "pasted";
    document.body.append(area);
    area.focus();
  });
  await page.keyboard.press("Control+V");
  return page.locator("#pasted").evaluate((area) => {
    const text = (area as HTMLTextAreaElement).value;
    area.remove();
    return text;
  });
}
