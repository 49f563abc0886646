import { expect, test } from "@playwright/test";
import { ensureUser, picture, signInAdministrator } from "./support";

test("the first administrator signs in by the one-time link, sets a password and makes accounts", async ({ page }) => {
  await signInAdministrator(page);
  await expect(page.getByTestId("lab-card-container-immutability")).toBeVisible();
  await picture(page, "01-catalogue");
  await ensureUser(page, "ines", "Ines Instructor", "instructor");
  await ensureUser(page, "lena", "Lena Learner", "learner");
  await ensureUser(page, "omar", "Omar Other", "learner");
  await page.goto("/users");
  await expect(page.getByText("Ines Instructor")).toBeVisible();
  await picture(page, "02-people");
});

test("a one-time link works once", async ({ page }) => {
  const link = process.env.LECTERN_SIGN_IN_URL!;
  const token = link.split("#")[1];
  const again = await page.request.post("/api/v1/logins", { data: { method: "link", token } });
  expect(again.status()).toBe(401);
});
