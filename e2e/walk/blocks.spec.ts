// Every block of every lab in a folder, clicked as a learner would. `cargo xtask blocks DIR` starts a Lectern with that folder
// and prints what is written to LECTERN_WALK_REPORT: a line for each lab, one for each block that was not done, and the sum.
import { appendFile, writeFile } from "node:fs/promises";
import { test, type Locator, type Page } from "@playwright/test";
import { api, blocks, ensureUser, signIn, signInAdministrator, terminalText } from "../tests/support";

const report = process.env.LECTERN_WALK_REPORT;

/** How long a block may take, in milliseconds. */
const BLOCK_WITHIN = 45_000;
/** How long to wait for the command before: one that goes on is typed into, as a learner would. */
const PROMPT_WITHIN = 15_000;
/** How long a session may take to start. */
const START_WITHIN = 180_000;

interface Count {
  blocks: number;
  done: number;
  failed: number;
  refused: number;
}

const none = (): Count => ({ blocks: 0, done: 0, failed: 0, refused: 0 });

async function write(line: string): Promise<void> {
  console.log(line);
  if (report) await appendFile(report, `${line}\n`);
}

async function waitUntil(holds: () => Promise<boolean>, within: number): Promise<boolean> {
  const deadline = Date.now() + within;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}

async function openSections(page: Page): Promise<void> {
  const sections = page.locator("details[data-section-begin]:not([open])");
  for (let tries = 0; tries < 50 && (await sections.count()) > 0; tries++) {
    const heading = sections.first().locator("> summary");
    if (!(await heading.isVisible())) return;
    await heading.click();
    await page.waitForTimeout(200);
  }
}

async function hasPrompt(page: Page): Promise<boolean> {
  const last = (await terminalText(page)).trimEnd().split("\n").pop() ?? "";
  return /[$#>]$/.test(last);
}

const oneLine = (text: string | null) => (text ?? "").replace(/\s+/g, " ").trim().slice(0, 160);

/** Clicks a block. Returns what became of it, and why if it was not done. */
async function click(page: Page, block: Locator): Promise<[kind: "done" | "failed" | "refused", why: string]> {
  const state = async () => (await block.getAttribute("data-state")) ?? "";
  const foot = async () => oneLine(await block.locator(".action-foot, strong").first().textContent().catch(() => ""));
  if ((await state()) === "not-offered" || (await block.evaluate((element) => element.classList.contains("broken")))) {
    return ["refused", await foot()];
  }
  if ((await block.getAttribute("data-action-kind"))?.match(/^(terminal:(execute|input)|execute)/)) {
    await waitUntil(() => hasPrompt(page), PROMPT_WITHIN);
  }
  const submit = block.locator("form button[type=submit]");
  const trigger = (await submit.count()) > 0 ? submit : block.locator("button.action-run");
  await trigger.click({ timeout: 5_000 });
  await waitUntil(async () => ["done", "failed"].includes(await state()), BLOCK_WITHIN);
  const now = await state();
  return now === "done" ? ["done", ""] : ["failed", now === "failed" ? await foot() : `still ${now} after ${BLOCK_WITHIN / 1000} s`];
}

async function walk(page: Page, slug: string, found: Count): Promise<void> {
  await page.goto("/labs");
  await page.getByTestId(`lab-start-${slug}`).click();
  await page.getByTestId("workspace").waitFor({ timeout: 30_000 });
  const started = await waitUntil(async () => (await page.getByTestId("session-starting").count()) === 0, START_WITHIN);
  if (!started) throw new Error("the session did not start in time");
  const reason = page.getByTestId("session-reason");
  if ((await reason.count()) > 0) throw new Error(`the session failed: ${oneLine(await reason.textContent())}`);
  for (let number = 1; ; number++) {
    await page.locator("article.lab-page").waitFor();
    await openSections(page);
    const all = blocks(page);
    for (let at = 0; at < (await all.count()); at++) {
      const block = all.nth(at);
      if (!(await block.isVisible())) continue;
      found.blocks++;
      const what = oneLine(await block.locator(".action-text").textContent().catch(() => ""));
      const [kind, why] = await click(page, block).catch((error: Error) => ["failed", oneLine(error.message)] as const);
      found[kind]++;
      if (kind !== "done") await write(`  ${slug}, page ${number}: ${kind}: ${what}: ${why}`);
    }
    const next = page.getByTestId("page-next");
    if ((await next.count()) === 0) return;
    const before = await page.locator("article.lab-page").getAttribute("data-page");
    await next.click();
    await page.locator(`article.lab-page:not([data-page="${before}"])`).waitFor();
  }
}

test("every block of every lab", async ({ page }) => {
  test.setTimeout(0);
  if (report) await writeFile(report, "");
  await signInAdministrator(page);
  await ensureUser(page, "walker", "Walker", "learner");
  await page.context().clearCookies();
  await signIn(page, "walker");
  const labs = await api<{ slug: string }[]>(page, "GET", "/labs");
  const sum = none();
  for (const { slug } of labs.body) {
    const found = none();
    await walk(page, slug, found).catch((error: Error) => write(`  ${slug}: ${oneLine(error.message)}`));
    await write(`${slug}: ${found.blocks} blocks, ${found.done} done, ${found.failed} failed, ${found.refused} refused`);
    for (const key of Object.keys(sum) as (keyof Count)[]) sum[key] += found[key];
    const sessions = await api<{ id: string; state: { phase: string } }[]>(page, "GET", "/sessions");
    for (const session of sessions.body) {
      if (!["ended", "ending"].includes(session.state.phase)) await api(page, "DELETE", `/sessions/${session.id}`);
    }
  }
  await write(`${labs.body.length} labs, ${sum.blocks} blocks, ${sum.done} done, ${sum.failed} failed, ${sum.refused} refused`);
});
