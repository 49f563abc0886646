import { expect, test, type Browser, type Page } from "@playwright/test";
import { api, ensureUser, password, picture, signIn, signInAdministrator } from "./support";

type User = { id: string; username: string };
type Class = { id: string; name: string; join_code: string };

/** A page of somebody's own, with cookies of its own. */
async function pageOf(browser: Browser, username?: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  if (username) {
    await signIn(page, username);
  }
  return page;
}

/** Tries to join by the code; the page says why not, at its field. */
async function join(learner: Page, code: string): Promise<void> {
  await learner.goto("/classes");
  await learner.getByTestId("class-join-input").fill(code);
  await learner.getByTestId("class-join").click();
}

test.beforeAll(async ({ browser }) => {
  const admin = await (await browser.newContext()).newPage();
  await signInAdministrator(admin);
  for (const name of ["paul", "rosa", "dora"]) {
    const known = (await api<User[]>(admin, "GET", "/users")).body.find((user) => user.username === name);
    if (known) {
      await api(admin, "DELETE", `/users/${known.id}`);
    }
    await ensureUser(admin, name, `${name[0].toUpperCase()}${name.slice(1)} Learner`, "learner");
  }
  await ensureUser(admin, "ines", "Ines Instructor", "instructor");
  await admin.context().close();
});

test("a wrong current password is told at its field and signs nobody out", async ({ browser }) => {
  const page = await pageOf(browser, "paul");
  await page.goto("/account");
  await page.getByTestId("password-current").fill("not the password");
  await page.getByTestId("password-new").fill("another password");
  await page.getByTestId("password-again").fill("another password");
  await page.getByTestId("password-submit").click();
  await expect(page.getByTestId("password-current")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByTestId("password-current")).toBeFocused();
  await expect(page.getByTestId("password-new")).toHaveValue("another password");
  expect((await api(page, "GET", "/me")).status).toBe(200);
  await picture(page, "20-wrong-password");

  await page.getByTestId("password-current").fill(password);
  await page.getByTestId("password-submit").click();
  await expect(page.getByTestId("password-set")).toBeVisible();
  await expect(page.getByTestId("login")).toHaveCount(1);
});

test("an administrator disables somebody, whose open page notices, and lets them in again by a link", async ({ browser }) => {
  const [admin, rosa] = [await pageOf(browser), await pageOf(browser, "rosa")];
  await signInAdministrator(admin);
  // a learner has no page of people or of the log
  await rosa.goto("/people");
  await expect(rosa.getByTestId("not-found")).toBeVisible();
  await expect(rosa.getByTestId("nav-audit")).toHaveCount(0);
  await rosa.goto("/classes");
  await rosa.getByTestId("class-join-input").fill("AAAA-AAAA");

  await admin.goto("/people");
  await admin.getByTestId("people-filter").fill("rosa");
  await expect(admin.locator("[data-testid^=user-row-]")).toHaveCount(1);
  await admin.getByRole("link", { name: "Rosa Learner" }).click();
  await admin.getByTestId("person-disable").click();
  await expect(admin.getByTestId("person-access")).toContainText("disabled since");

  await rosa.getByTestId("class-join").click();
  await expect(rosa.getByTestId("parting")).toContainText("You were signed out");
  await rosa.getByTestId("sign-in-username").fill("rosa");
  await rosa.getByTestId("sign-in-password").fill(password);
  await rosa.getByTestId("sign-in-submit").click();
  await expect(rosa.getByTestId("form-error")).toContainText("Wrong user name or password");

  await admin.getByTestId("person-disable").click();
  await expect(admin.getByTestId("person-disable")).toHaveText("Disable account");
  await admin.getByTestId("person-link").click();
  const link = await admin.getByTestId("sign-in-link").textContent();
  await picture(admin, "21-person");
  // the sign-in page is open already: only the fragment changes
  await rosa.goto("/sign-in");
  await rosa.goto(link!);
  await rosa.getByTestId("sign-in-link-submit").click();
  await expect(rosa.getByTestId("password-current")).toHaveCount(0);
  await rosa.getByTestId("password-new").fill(password);
  await rosa.getByTestId("password-again").fill(password);
  await rosa.getByTestId("password-submit").click();
  await expect(rosa).toHaveURL(/\/labs$/);

  await admin.goto("/audit");
  await admin.getByTestId("audit-filter").fill("rosa sign in refused");
  await expect(admin.getByTestId("audit-record").first()).toContainText("Sign in");
  await picture(admin, "22-audit");

  const me = await api<{ user: User }>(admin, "GET", "/me");
  await admin.goto(`/people/${me.body.user.id}`);
  await admin.getByTestId("person-role").selectOption("learner");
  await admin.getByTestId("person-role-save").click();
  await expect(admin.locator("#person-role-about")).toContainText("last administrator");
});

test("an instructor's new code shuts out the old one, a learner joins, leaves and is removed", async ({ browser }) => {
  const [ines, rosa] = [await pageOf(browser, "ines"), await pageOf(browser, "rosa")];
  const made = await api<Class>(ines, "POST", "/classes", { name: `Codes ${Date.now()}` });
  const old = made.body.join_code;
  await ines.goto(`/classes/${made.body.id}`);
  await ines.getByTestId("joining-new-code").click();
  await ines.getByTestId("joining-new-code-confirm").click();
  await expect(ines.getByTestId("class-join-code")).not.toHaveText(old);
  const code = (await ines.getByTestId("class-join-code").textContent())!;

  await join(rosa, old);
  await expect(rosa.getByTestId("class-join-input")).toHaveAttribute("aria-invalid", "true");
  await expect(rosa.getByTestId("class-join-input")).toHaveValue(old);
  await ines.getByTestId("joining-toggle").click();
  await expect(ines.getByTestId("joining-state")).toContainText("Closed");
  await join(rosa, code);
  await expect(rosa.locator("#class-join-input-about")).toContainText("closed");
  await ines.getByTestId("joining-toggle").click();
  await expect(ines.getByTestId("joining-state")).toContainText("can join");
  await ines.getByTestId("joining-limits").click();
  await ines.getByTestId("joining-most").fill("1");
  await ines.getByTestId("joining-save").click();
  await expect(ines.getByTestId("joining-state")).toContainText("up to 1");
  await rosa.getByTestId("class-join").click();
  await expect(rosa.getByTestId("classes-said")).toContainText("You joined");

  await ines.reload();
  await expect(ines.getByTestId("joining-state")).toContainText("full");
  await ines.getByTestId("learner-manage").click();
  await picture(ines, "23-class");
  await ines.getByTestId("dialog-cancel").click();

  const row = rosa.getByTestId(`class-${made.body.id}`);
  await row.getByTestId("class-leave").click();
  await rosa.getByTestId("class-leave-confirm").click();
  await expect(rosa.getByTestId("classes-said")).toContainText("You left");
  await expect(row).toHaveCount(0);

  await join(rosa, code);
  await expect(row).toBeVisible();
  await ines.reload();
  await ines.getByTestId("learner-manage").click();
  await ines.getByTestId("learner-remove").click();
  await expect(ines.getByTestId("empty")).toContainText("Nobody has joined yet");
  await rosa.reload();
  await expect(row).toHaveCount(0);
});

test("somebody takes their data along and deletes their account", async ({ browser }) => {
  const page = await pageOf(browser, "dora");
  await page.goto("/account");
  const download = page.waitForEvent("download");
  await page.getByTestId("export").click();
  expect((await download).suggestedFilename()).toBe("lectern-export.json");

  await page.getByTestId("delete-me").click();
  await page.getByTestId("delete-username").fill("dora");
  await page.getByTestId("delete-password").fill("not the password");
  await page.getByTestId("delete-me-confirm").click();
  await expect(page.getByTestId("delete-password")).toHaveAttribute("aria-invalid", "true");
  await picture(page, "24-delete-account");
  await page.getByTestId("delete-password").fill(password);
  await page.getByTestId("delete-me-confirm").click();
  await expect(page.getByTestId("parting")).toContainText("Your account has been deleted");

  await page.getByTestId("sign-in-username").fill("dora");
  await page.getByTestId("sign-in-password").fill(password);
  await page.getByTestId("sign-in-submit").click();
  await expect(page.getByTestId("form-error")).toContainText("Wrong user name or password");
});

test("a refusal for now counts down, keeps what was typed, and can be tried again", async ({ page }) => {
  let refuse = true;
  await page.route("**/api/v1/logins", async (route) => {
    if (!refuse || route.request().method() !== "POST") {
      return route.continue();
    }
    const problem = { type: "about:blank", title: "Too Many Requests", status: 429, code: "too_many_requests", detail: "too many requests" };
    await route.fulfill({ status: 429, headers: { "retry-after": "2", "content-type": "application/problem+json" }, body: JSON.stringify(problem) });
  });
  await page.goto("/sign-in");
  await page.getByTestId("sign-in-username").fill("ines");
  await page.getByTestId("sign-in-password").fill(password);
  await page.getByTestId("sign-in-submit").click();
  await expect(page.getByTestId("retry-in")).toContainText(/Try again in [12] second/);
  await expect(page.getByTestId("sign-in-password")).toHaveValue(password);
  await expect(page.getByTestId("retry-in")).toContainText("You can try again now");
  refuse = false;
  await page.getByTestId("sign-in-submit").click();
  await expect(page).toHaveURL(/\/labs$/);
});
