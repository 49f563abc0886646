import { expect, test } from "@playwright/test";
import { api, ensureUser, picture, signInAdministrator } from "./support";

test("the first administrator signs in by the one-time link, sets a password and makes accounts", async ({ page }) => {
  await signInAdministrator(page);
  await expect(page.getByTestId("lab-card-container-immutability")).toBeVisible();
  await picture(page, "01-catalogue");
  await ensureUser(page, "ines", "Ines Instructor", "instructor");
  await ensureUser(page, "lena", "Lena Learner", "learner");
  await ensureUser(page, "omar", "Omar Other", "learner");
  await page.goto("/people");
  await expect(page.getByText("Ines Instructor")).toBeVisible();
  await picture(page, "02-people");
});

test("a one-time link works once", async ({ browser, page }) => {
  await signInAdministrator(page);
  const users = await api<{ id: string; username: string }[]>(page, "GET", "/users");
  const omar = users.body.find((user) => user.username === "omar")!;
  const link = await api<{ url: string }>(page, "POST", `/users/${omar.id}/sign-in-links`);
  const data = { method: "link", token: link.body.url.split("#")[1] };
  const other = await browser.newContext();
  expect((await other.request.post("/api/v1/logins", { data })).status()).toBe(201);
  expect((await other.request.post("/api/v1/logins", { data })).status()).toBe(401);
  await other.close();
});
