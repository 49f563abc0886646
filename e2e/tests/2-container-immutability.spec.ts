import { expect, test } from "@playwright/test";
import { api, blocks, endSession, lastOutput, picture, runBlock, signIn, startLab, terminalText, waitForPrompt } from "./support";

/** What each command must show, by a part of its text. */
const expectations: [string, (output: string) => void][] = [
  ["touch /tmp/test # works", (output) => expect(output).not.toContain("Read-only")],
  ["touch /tmp/test # error", (output) => expect(output).toContain("Read-only file system")],
  ["kubectl exec -it immutable-no-bash -- bash", (output) => expect(output).toContain("executable file not found")],
];

test("a learner clicks through every block, and the instructor sees it", async ({ browser, page }) => {
  test.setTimeout(600_000);
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));

  const instructorContext = await browser.newContext();
  const instructor = await instructorContext.newPage();
  await signIn(instructor, "ines");
  await instructor.goto("/classes");
  await instructor.getByTestId("class-name-input").fill("Tuesday class");
  await instructor.getByTestId("class-create").click();
  const classes = await api<{ id: string; join_code: string; name: string }[]>(instructor, "GET", "/classes");
  const own = classes.body.filter((one) => one.name === "Tuesday class").pop()!;
  await instructor.goto(`/classes/${own.id}`);

  await signIn(page, "lena");
  const joined = await api(page, "POST", "/enrolments", { join_code: own.join_code.toLowerCase() });
  expect(joined.status).toBe(201);
  await startLab(page, "container-immutability");
  await picture(page, "03-workspace");

  const sessions = await api<{ lab: string; pages: { name: string }[] }[]>(page, "GET", "/sessions");
  const names = sessions.body.find((one) => one.lab === "container-immutability")!.pages.map((one) => one.name);
  const pages = 6;
  expect(names).toHaveLength(pages);
  for (let number = 1; number <= pages; number++) {
    await expect(page.getByTestId("progress-text")).toContainText(`${number} of ${pages}`);
    // its blocks are counted once it is drawn, and not before
    await expect(page.locator("article.lab-page")).toHaveAttribute("data-page", names[number - 1]);
    const count = await blocks(page).count();
    for (let index = 0; index < count; index++) {
      const block = blocks(page).nth(index);
      // a check has no text of its own, and waiting for one would take as long as an action may
      const body = block.locator(".action-body");
      const command = (await body.count()) > 0 ? ((await body.textContent()) ?? "").trim() : "";
      const text = await runBlock(page, block);
      for (const [part, verify] of expectations) {
        if (command.includes(part)) verify(lastOutput(text, part));
      }
      if (command.startsWith("touch test")) {
        // the third page's works, the fourth page's finds no such program
        const output = lastOutput(text, "touch test");
        if (number === 3) expect(output).not.toContain("not found");
        if (number === 4) expect(output).toContain("command not found");
      }
      if (command.includes("# error")) {
        const before = await terminalText(page);
        await page.reload();
        await expect(page.getByTestId("terminal-status-1")).toHaveAttribute("data-state", "connected");
        await waitForPrompt(page);
        expect((await terminalText(page)).trimEnd()).toBe(before.trimEnd());
        await expect(block).toHaveAttribute("data-state", "done");
        await picture(page, "04-read-only");
      }
    }
    await picture(page, `05-page-${number}`);
    if (number < pages) await page.getByTestId("page-next").click();
  }

  const row = instructor.locator("[data-testid^=class-row-]").filter({ hasText: "Lena Learner" });
  await expect(row).toContainText("6/6");
  for (const check of ["read-only-root", "mutable", "without-touch", "without-bash"]) {
    await expect(row).toContainText(check);
  }
  await expect(row).toContainText("4 of 4");
  await picture(instructor, "06-class");
  await instructorContext.close();

  await page.getByTestId("page-finish").click();
  await expect(page.getByTestId("lab-finished")).toBeVisible();
  await endSession(page);
  await picture(page, "07-ended");
  expect(complaints).toEqual([]);
});

test("a check that is run too early fails and says what to do", async ({ page }) => {
  await signIn(page, "omar");
  await startLab(page, "container-immutability");
  await page.getByTestId("page-next").click();
  const check = page.locator("[data-action-kind^=examiner]").first();
  await check.locator(".action-run").click();
  await expect(check).toHaveAttribute("data-state", "failed", { timeout: 60_000 });
  await expect(check.locator(".action-output")).not.toBeEmpty();
  await picture(page, "08-check-failed");
  await endSession(page);
});
