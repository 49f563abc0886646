// Web applications of a session in a real browser: within Lectern's page and in a tab of their own, for their learner alone.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, type FrameLocator, type Page } from "@playwright/test";
import { api, endSession, ensureUser, signIn, signInAdministrator, startLab, waitForLab } from "./support";

const slug = "web-previews";
const folder = join(process.env.LECTERN_LABS_DIR!, slug);

const manifest = `apiVersion: training.educates.dev/v1beta1
kind: Workshop
metadata: {name: ${slug}}
spec:
  title: Web previews
  session:
    ingresses: [{name: app, port: 8080}, {name: late, port: 8081}]
`;
const address = "{{< param ingress_protocol >}}://app-{{< param session_namespace >}}.{{< param ingress_domain >}}{{< param ingress_port_suffix >}}/linked";
// answers with its cookies and sets one
const app = `use strict; use IO::Socket::INET; $SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 64, ReuseAddr => 1) or die;
while (my $c = $listener->accept) {
  next if fork;
  my ($head, $b) = ('', '');
  while ($head !~ /\\r\\n\\r\\n$/) { sysread($c, $b, 1) or exit; $head .= $b }
  my ($path) = $head =~ /^\\S+ (\\S+)/;
  my ($cookies) = $head =~ /\\ncookie: ([^\\r]*)/i;
  my $body = "<!doctype html><title>app</title><p id=path>$path</p><p id=cookies>" . ($cookies // 'none') . "</p>";
  syswrite $c, "HTTP/1.1 200 OK\\r\\nContent-Type: text/html\\r\\nSet-Cookie: sid=of-the-app; Path=/; Secure; SameSite=None; Partitioned\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body";
  exit;
}
`;

test.beforeAll(async () => {
  for (const part of ["resources", "workshop/content", "workshop/setup.d"]) await mkdir(join(folder, part), { recursive: true });
  await writeFile(join(folder, "resources/workshop.yaml"), manifest);
  await writeFile(join(folder, "workshop/content/page.md"), `# Previews\n\n[the application](${address})\n`);
  await writeFile(join(folder, "workshop/app.pl"), app);
  const start = "#!/bin/sh\nsetsid perl /opt/workshop/app.pl 8080 >/dev/null 2>&1 </dev/null &\n";
  await writeFile(join(folder, "workshop/setup.d/1-start.sh"), start, { mode: 0o755 });
});

test.afterAll(() => rm(folder, { recursive: true, force: true }));

interface Running {
  id: string;
  lab: string;
  namespace: string;
  state: { phase: string };
}

async function grant(page: Page, session: Running, name: string): Promise<string> {
  const url = `http://${name}-${session.namespace}.localhost/framed`;
  const granted = await api<{ url: string }>(page, "POST", `/sessions/${session.id}/preview-grants`, { url });
  expect(granted.status).toBe(201);
  return granted.body.url;
}

async function frame(page: Page, url: string): Promise<FrameLocator> {
  await page.evaluate((src) => {
    document.getElementById("of-the-test")?.remove();
    const frame = document.createElement("iframe");
    frame.id = "of-the-test";
    frame.src = src;
    document.body.append(frame);
  }, url);
  return page.frameLocator("#of-the-test");
}

test("an application opens within the page and in a tab, keeps its cookies to itself, and ends with the session", async ({ page, browser }) => {
  test.setTimeout(240_000);
  const administrator = await browser.newContext();
  const admin = await administrator.newPage();
  await signInAdministrator(admin);
  await ensureUser(admin, "pia", "Pia", "learner");
  await administrator.close();
  await signIn(page, "pia");
  await waitForLab(page, slug);
  await startLab(page, slug);
  const sessions = await api<Running[]>(page, "GET", "/sessions");
  const session = sessions.body.find((one) => one.lab === slug && one.state.phase === "running")!;

  const shown = await frame(page, await grant(page, session, "app"));
  await expect(shown.locator("#path")).toHaveText("/framed");
  // the second request brings the application's own cookie, and never one of ours
  const again = await frame(page, await grant(page, session, "app"));
  await expect(again.locator("#cookies")).toHaveText("sid=of-the-app");

  const late = await frame(page, await grant(page, session, "late"));
  await expect(late.locator("h1")).toHaveText("The application is not running yet");
  await expect(late.locator("body")).toContainText("nothing listens on port 8081");
  await page.evaluate(() => document.getElementById("of-the-test")?.remove());

  const [tab] = await Promise.all([page.waitForEvent("popup"), page.getByRole("link", { name: "the application" }).click()]);
  await expect(tab.locator("#path")).toHaveText("/linked");
  await expect(tab.locator("#cookies")).toHaveText(/^(none|sid=of-the-app)$/);
  const opened = tab.url();

  const stranger = await browser.newContext();
  const other = await stranger.newPage();
  const refused = await other.goto(opened);
  expect(refused!.status()).toBe(401);
  await stranger.close();

  await endSession(page);
  await expect(async () => expect((await tab.reload())!.status()).toBeGreaterThanOrEqual(400)).toPass({ timeout: 30_000 });
});
