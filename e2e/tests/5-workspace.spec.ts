import { createHash } from "node:crypto";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, type Page } from "@playwright/test";
import { endSession, picture, signIn, startLab, terminalText, waitForLab, waitForPrompt } from "./support";

const folder = join(process.env.LECTERN_LABS_DIR!, "workspace-parts");
const fence = "```";
const block = (kind: string, body = ""): string => `${fence}${kind}\n${body}\n${fence}\n\n`;

const pages: Record<string, string> = {
  sections: [
    "# Sections\n\n",
    block("section:begin", "title: Runs by itself"),
    block("terminal:execute", "command: echo by-itself-$((1+1))\nautostart: true\ncascade: true"),
    block("section:end", "cascade: true"),
    block("terminal:execute", "command: echo behind-$((1+2))\ncascade: true"),
    block("section:begin", "hidden: true"),
    "Now it can be seen.\n\n",
    block("section:end"),
    block("editor:open-file", "file: ~/x"),
  ].join(""),
  checks: [
    "# Checks\n\n",
    block("examiner:execute-test", "name: there\ntitle: Is it there\nargs: [/tmp/there]\nretries: .INF\ncascade: true"),
    block("terminal:execute", "command: echo cascaded-$((2+2))\nhidden: true"),
    block("execute", "touch /tmp/there"),
    block(
      "examiner:execute-test",
      "name: asked\ntitle: Ask\ninputs:\n  schema:\n    word: {type: string, title: 'Which word?', required: true}\n  form: ['*', {type: submit, title: Say it}]",
    ),
  ].join(""),
};

const checks: Record<string, string> = {
  there: '#!/bin/sh\n[ -e "$1" ] || { echo "$1 is not there"; exit 1; }\n',
  asked: '#!/bin/sh\nread -r answer\necho "$answer"\ncase "$answer" in *please*) ;; *) exit 1 ;; esac\n',
};

test.beforeAll(async () => {
  await mkdir(join(folder, "workshop", "content"), { recursive: true });
  await mkdir(join(folder, "workshop", "examiner", "tests"), { recursive: true });
  await writeFile(join(folder, "workshop", "workshop.yaml"), `name: Parts\nmodules:\n  activate: [${Object.keys(pages)}]\n`);
  for (const [name, text] of Object.entries(pages)) {
    await writeFile(join(folder, "workshop", "content", `${name}.md`), text);
  }
  for (const [name, text] of Object.entries(checks)) {
    const file = join(folder, "workshop", "examiner", "tests", name);
    await writeFile(file, text);
    await chmod(file, 0o755);
  }
});

test.afterAll(() => rm(folder, { recursive: true, force: true }));

async function open(page: Page): Promise<void> {
  await signIn(page, "omar");
  await waitForLab(page, "workspace-parts");
  await startLab(page, "workspace-parts");
}

test("sections start what is in them, close by a cascade and show what was hidden", async ({ page }) => {
  await open(page);
  const section = page.locator("details[data-section-begin]").first();
  await expect(section).not.toHaveAttribute("open");
  expect(await terminalText(page)).not.toContain("by-itself-2");
  await expect(page.getByText("Now it can be seen.")).toBeHidden();

  await section.locator("summary").click();
  await expect.poll(() => terminalText(page)).toContain("by-itself-2");
  await expect(section).not.toHaveAttribute("open");
  await expect.poll(() => terminalText(page)).toContain("behind-3");
  await expect(page.getByText("Now it can be seen.")).toBeVisible();

  const editor = page.locator("[data-action-kind='editor:open-file']");
  await editor.locator(".action-run").click();
  await expect(editor).toHaveAttribute("data-state", "failed", { timeout: 30_000 });
  await expect(editor).toContainText("x");
  await picture(page, "12-missing-file");
  await page.getByTestId("terminal-tab-1").click();
  await picture(page, "11-sections");
  await endSession(page);
});

test("a check is tried until it passes, cascades only then, and may ask first", async ({ page }) => {
  await open(page);
  await page.getByTestId("page-next").click();
  const waiting = page.locator("[data-action-kind^=examiner]").filter({ hasText: "Is it there" });
  await waiting.locator(".action-run").click();
  await expect(waiting).toContainText("try 2", { timeout: 20_000 });
  expect(await terminalText(page)).not.toContain("cascaded-4");
  await page.locator("[data-action-kind=execute]").locator(".action-run").click();
  await expect(waiting).toHaveAttribute("data-state", "done", { timeout: 20_000 });
  await expect.poll(() => terminalText(page)).toContain("cascaded-4");

  const asking = page.locator("[data-action-kind^=examiner]").filter({ hasText: "Ask" });
  const say = asking.getByRole("button", { name: "Say it" });
  await asking.getByLabel("Which word?").fill("now");
  await say.click();
  await expect(asking).toHaveAttribute("data-state", "failed", { timeout: 20_000 });
  await asking.getByLabel("Which word?").fill("please");
  await say.click();
  await expect(asking).toHaveAttribute("data-state", "done", { timeout: 20_000 });
  await picture(page, "12-checks");
  await endSession(page);
});

test("a long paste arrives whole, and a network that goes away for a while takes nothing along", async ({ page }) => {
  await open(page);
  const terminal = page.getByTestId("terminal-1");
  const status = page.getByTestId("terminal-status-1");
  await terminal.click();
  await page.keyboard.type("stty raw -echo; head -c 1048576 | sha256sum; stty sane\n");
  await expect.poll(() => terminalText(page)).toContain("sha256sum");
  const pasted = await terminal.locator("textarea").evaluate((area) => {
    let text = "";
    for (let word = 0; text.length < 1_048_576; word++) text += `${word.toString(36)}ü `;
    const bytes = new TextEncoder().encode(text).slice(0, 1_048_576);
    // a letter of two bytes must not be cut in two at the end
    const whole = new TextDecoder().decode(bytes).replace("\ufffd", "x");
    const clipboardData = new DataTransfer();
    clipboardData.setData("text/plain", whole);
    area.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    return whole;
  });
  const sum = createHash("sha256").update(pasted).digest("hex");
  await expect.poll(() => terminalText(page), { timeout: 30_000 }).toContain(sum);
  await waitForPrompt(page);

  await page.keyboard.type("clear; for i in $(seq 1 60); do echo line-$i; sleep 0.1; done\n");
  await expect.poll(() => terminalText(page)).toContain("line-3");
  await page.context().setOffline(true);
  await expect(status).toHaveAttribute("data-state", "reconnecting");
  await expect(status).toContainText("Connection lost");
  await page.context().setOffline(false);
  await expect(status).toContainText("No output was lost");
  await expect.poll(() => terminalText(page), { timeout: 20_000 }).toContain("line-60");
  const lines = (await terminalText(page)).match(/^line-\d+$/gm);
  expect(lines).toEqual(Array.from({ length: 60 }, (_, at) => `line-${at + 1}`));
  await endSession(page);
});
