import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { blocks, endSession, lastOutput, picture, runBlock, signIn, signInAdministrator, startLab, waitForLab } from "./support";

const labs = process.env.LECTERN_LABS_DIR!;

/** One page and four manifests, without any description: as somebody's notes become a lab. */
const commands: [string, RegExp?][] = [
  ["clear\ncd ~/container-immutability"],
  ["cat holiday.yaml"],
  ["kubectl apply -f holiday.yaml"],
  ["kubectl wait --for=condition=Ready pod/holiday --timeout=60s"],
  ["kubectl exec holiday -c c1 -- touch /tmp/test # works"],
  ["kubectl exec holiday -c c2 -- touch /tmp/test # error", /Read-only file system/],
  ["kubectl delete pod holiday"],
  ["kubectl create -f mutable.yaml"],
  ["kubectl wait --for=condition=Ready pod/mutable --timeout=60s"],
  ["kubectl exec -it mutable -- bash"],
  ["touch test"],
  ["exit"],
  ["cat immutable-no-touch.yaml"],
  ["kubectl create -f immutable-no-touch.yaml"],
  ["kubectl wait --for=condition=Ready pod/immutable-no-touch --timeout=60s"],
  ["kubectl exec -it immutable-no-touch -- bash"],
  ["touch test\nexit", /command not found/],
  // ends the workbench's own shell; the next one begins where it was
  ["exit", /this is another one/],
  ["kubectl create -f immutable-no-bash.yaml", /created/],
  ["kubectl wait --for=condition=Ready pod/immutable-no-bash --timeout=60s"],
  ["kubectl exec -it immutable-no-bash -- bash", /executable file not found/],
  ["kubectl delete pods mutable immutable-no-bash immutable-no-touch"],
];

test("a single page laid in a folder is a lab, without a restart", async ({ page }) => {
  test.setTimeout(400_000);
  const folder = join(labs, "one-page");
  await cp(join(labs, "container-immutability", "container-immutability"), join(folder, "container-immutability"), { recursive: true });
  const text = commands.map(([command]) => `Next:\n\n\`\`\`execute\n${command}\n\`\`\`\n`).join("\n");
  await writeFile(join(folder, "container-immutability.md"), `Keep containers as they are.\n\n${text}`);
  try {
    await signIn(page, "lena");
    await waitForLab(page, "one-page");
    await startLab(page, "one-page");
    await expect(blocks(page)).toHaveCount(commands.length);
    for (const [index, [command, wanted]] of commands.entries()) {
      const shown = await runBlock(page, blocks(page).nth(index));
      if (wanted) expect(lastOutput(shown, command.split("\n")[0]!), command).toMatch(wanted);
    }
    await picture(page, "09-one-page");
    await endSession(page);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a broken lab names file and line to authors, and the other labs stay", async ({ page }) => {
  const folder = join(labs, "broken");
  await mkdir(join(folder, "workshop", "content"), { recursive: true });
  await writeFile(join(folder, "workshop", "content", "page.md"), "# A page\n");
  await writeFile(join(folder, "workshop", "workshop.yaml"), "name: Broken\nmodules:\n  activate: [page\n");
  try {
    await signInAdministrator(page);
    await expect(async () => {
      await page.goto("/labs");
      await expect(page.getByTestId("lab-errors")).toBeVisible({ timeout: 2_000 });
    }).toPass({ timeout: 30_000 });
    await expect(page.getByTestId("lab-errors")).toContainText("workshop.yaml");
    await expect(page.getByTestId("lab-start-container-immutability")).toBeEnabled();
    await picture(page, "10-broken-lab");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
