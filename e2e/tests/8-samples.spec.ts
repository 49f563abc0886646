// The sample labs of the original platform, walked block by block. They are data outside the repository: name their folder
// by LECTERN_SAMPLES_DIR to walk them.
import { chmod, cp, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test, type Locator, type Page } from "@playwright/test";
import { blocks, endSession, picture, signIn, startLab, terminalText, waitForLab } from "./support";

const samples = process.env.LECTERN_SAMPLES_DIR ?? "";
const labs = process.env.LECTERN_LABS_DIR!;

/** The checks that the pages of the examiner's lab describe; the samples come without them. */
const checks: Record<string, string> = {
  "test-always-passes": "exit 0",
  "test-always-fails": "exit 1",
  "subdir/test-in-subdir": "exit 0",
  "test-check-arg": '[ "$1" = hello ]',
  "test-check-file-exists": '[ -e "$1" ]',
  "test-slow": "sleep 3",
  "test-process-inputs": 'cat > "$HOME/examiner-form-input.json"; jq -e .name "$HOME/examiner-form-input.json"',
  "test-log-execution": 'date >> "$HOME/examiner-cooldown.log"',
};

/** Blocks whose check is meant to fail. */
const FAILS = /verify test fails|does not match|does not exist|killed by timeout|retries are exhausted/i;
/** Blocks that wait for what a later block does. */
const WAITS = /examiner-test-file exists \(using/i;

async function lay(lab: string): Promise<string> {
  const folder = join(labs, lab);
  await cp(join(samples, lab), folder, { recursive: true });
  if (lab === "lab-examiner-actions") {
    for (const [name, script] of Object.entries(checks)) {
      const file = join(folder, "workshop", "examiner", "tests", name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, `#!/bin/bash\n${script}\n`);
      await chmod(file, 0o755);
    }
  }
  return folder;
}

/** Opens the sections that can be seen, and those within them. */
async function openSections(page: Page): Promise<void> {
  const sections = page.locator("details[data-section-begin]");
  for (let at = 0; at < (await sections.count()); at++) {
    const section = sections.nth(at);
    const heading = section.locator("> summary");
    if ((await heading.isVisible()) && (await section.getAttribute("open")) === null) {
      await heading.click();
      // what is in it may start by itself and close it again
      await page.waitForTimeout(300);
    }
  }
}

/** Clicks a block and waits until it is done, or failed if that is what it is for. */
async function run(page: Page, block: Locator, waiting: Locator[]): Promise<void> {
  const label = (await block.locator(".action-label").textContent()) ?? "";
  const submit = block.locator("form button[type=submit]");
  const trigger = (await submit.count()) > 0 ? submit : block.locator("button.action-run");
  if (!(await trigger.isVisible())) return;
  await trigger.click();
  if (WAITS.test(label)) {
    waiting.push(block);
    return;
  }
  await expect(block, label).toHaveAttribute("data-state", FAILS.test(label) ? "failed" : "done", { timeout: 40_000 });
  if (waiting.length > 0 && label.startsWith("Terminal")) {
    await expect(waiting.shift()!).toHaveAttribute("data-state", "done", { timeout: 20_000 });
  }
}

for (const lab of ["lab-terminal-actions", "lab-section-actions", "lab-examiner-actions", "lab-markdown-basics"]) {
  test(`every block of ${lab} works`, async ({ page }) => {
    test.setTimeout(600_000);
    const complaints: string[] = [];
    page.on("pageerror", (error) => complaints.push(error.message));
    const folder = await lay(lab);
    try {
      await signIn(page, "omar");
      await waitForLab(page, lab);
      await startLab(page, lab);
      for (let number = 1; ; number++) {
        await expect(page.getByTestId("progress-text")).toContainText(`Page ${number} of`);
        await expect(page.locator("article.lab-page")).toBeVisible();
        await openSections(page);
        const waiting: Locator[] = [];
        const count = await blocks(page).count();
        for (let at = 0; at < count; at++) {
          const block = blocks(page).nth(at);
          if (await block.isVisible()) await run(page, block, waiting);
        }
        await expect(page.locator("[data-state=not-offered], .action.broken")).toHaveCount(0);
        await picture(page, `40-${lab}-${number}`);
        const next = page.getByTestId("page-next");
        if ((await next.count()) === 0) break;
        await next.click();
      }
      if (lab === "lab-terminal-actions") {
        await expect.poll(() => terminalText(page, "4")).toContain("Executed in terminal 4");
      }
      expect(complaints).toEqual([]);
      await endSession(page);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
