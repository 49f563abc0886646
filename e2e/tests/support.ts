// What the journeys share: signing in, running blocks, reading terminals.
import { expect, type Locator, type Page } from "@playwright/test";

export const password = "a password for tests";

/** Screenshots that people look at after a run. */
export async function picture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: `artefacts/pictures/${name}.png` });
}

export async function signIn(page: Page, username: string): Promise<void> {
  await page.goto("/sign-in");
  await page.getByTestId("sign-in-username").fill(username);
  await page.getByTestId("sign-in-password").fill(password);
  await page.getByTestId("sign-in-submit").click();
  await expect(page).toHaveURL(/\/labs$/);
}

/** Asks the API as the signed-in person. */
export async function api<T>(page: Page, method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
  const me = await (await page.request.get("/api/v1/me")).json();
  const response = await page.request.fetch(`/api/v1${path}`, {
    method,
    headers: { "x-csrf-token": me.csrf_token },
    data: body,
  });
  const text = await response.text();
  const isJson = (response.headers()["content-type"] ?? "").includes("json");
  return { status: response.status(), body: isJson ? JSON.parse(text) : (text as T) };
}

/** Signs the administrator in: by the one-time link the first time, by password after that. */
export async function signInAdministrator(page: Page): Promise<void> {
  const byPassword = await page.request.post("/api/v1/logins", {
    data: { method: "password", username: "admin", password },
  });
  if (byPassword.ok()) {
    await page.goto("/labs");
    return;
  }
  const link = process.env.LECTERN_SIGN_IN_URL;
  expect(link, "LECTERN_SIGN_IN_URL, the administrator's one-time link").toBeTruthy();
  await page.goto(link!);
  await page.getByTestId("sign-in-link-submit").click();
  await page.getByTestId("password-new").fill(password);
  await page.getByTestId("password-again").fill(password);
  await page.getByTestId("password-submit").click();
  await expect(page).toHaveURL(/\/labs$/);
}

/** Makes an account unless an earlier test did. */
export async function ensureUser(admin: Page, username: string, displayName: string, role: string): Promise<void> {
  const made = await api(admin, "POST", "/users", { username, display_name: displayName, role, password });
  expect([201, 409]).toContain(made.status);
}

export async function terminalText(page: Page, name = "1"): Promise<string> {
  return page.evaluate((which) => {
    const terminals = (window as unknown as { lecternTerminals?: Record<string, { text(): string }> }).lecternTerminals;
    return terminals?.[which]?.text() ?? "";
  }, name);
}

/** Waits until the terminal shows a prompt in its last line, and returns its text. */
export async function waitForPrompt(page: Page, name = "1", timeout = 60_000): Promise<string> {
  await expect
    .poll(async () => (await terminalText(page, name)).trimEnd().split("\n").pop() ?? "", { timeout })
    .toMatch(/[$#]$/);
  return terminalText(page, name);
}

/** Waits until a lab whose folder was just laid is in the catalogue. */
export async function waitForLab(page: Page, slug: string): Promise<void> {
  await expect(async () => {
    await page.goto("/labs");
    await expect(page.getByTestId(`lab-start-${slug}`)).toBeVisible({ timeout: 2_000 });
  }).toPass({ timeout: 30_000 });
}

/** Starts a lab anew: a session that an earlier run left is ended first. */
export async function startLab(page: Page, slug: string): Promise<void> {
  const sessions = await api<{ id: string; lab: string; state: { phase: string } }[]>(page, "GET", "/sessions");
  for (const session of sessions.body) {
    if (session.lab === slug && ["starting", "running"].includes(session.state.phase)) {
      await api(page, "DELETE", `/sessions/${session.id}`);
    }
  }
  await page.goto("/labs");
  await page.getByTestId(`lab-start-${slug}`).click();
  await expect(page.getByTestId("workspace")).toBeVisible();
  await expect(page.getByTestId("terminal-status-1")).toHaveAttribute("data-state", "connected", { timeout: 60_000 });
  await waitForPrompt(page);
}

export async function endSession(page: Page): Promise<void> {
  await page.getByTestId("session-end").click();
  await page.getByTestId("session-end-confirm").click();
  await expect(page.getByTestId("session-over")).toBeVisible({ timeout: 60_000 });
}

export function blocks(page: Page): Locator {
  return page.locator("[data-action-kind]");
}

/** Clicks a block and waits for what follows from it; what the terminal shows after that. */
export async function runBlock(page: Page, block: Locator): Promise<string> {
  const isCheck = (await block.getAttribute("data-action-kind"))?.startsWith("examiner") ?? false;
  const command = isCheck ? "" : (await block.locator(".action-body").textContent())?.trim() ?? "";
  const before = await terminalText(page);
  await block.locator(".action-run").click();
  if (isCheck) {
    await expect(block).toHaveAttribute("data-state", "done", { timeout: 60_000 });
    return terminalText(page);
  }
  await expect(block).toHaveAttribute("data-state", "done");
  const lastLine = command.split("\n").pop()!.trim();
  if (lastLine !== "clear") {
    // an earlier block may have typed the same line
    const isNew = (text: string) => text.split(lastLine).length > before.split(lastLine).length || !text.startsWith(before.slice(0, 200));
    const typed = async () => {
      const text = await terminalText(page);
      return text.includes(lastLine) && isNew(text);
    };
    await expect.poll(typed, { timeout: 15_000, message: `the terminal shows ${lastLine}` }).toBe(true);
  }
  return waitForPrompt(page);
}

/** What the last command printed: all after the line that it was typed in. */
export function lastOutput(text: string, command: string): string {
  const at = text.lastIndexOf(command);
  return at < 0 ? text : text.slice(at + command.length);
}
