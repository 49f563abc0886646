import { expect, test } from "@playwright/test";
import { api, endSession, signIn, startLab, terminalText, waitForPrompt } from "./support";

async function type(page: import("@playwright/test").Page, command: string): Promise<string> {
  await page.getByTestId("terminal-1").click();
  await page.keyboard.type(`clear; ${command}; echo status-$?\n`);
  await expect.poll(() => terminalText(page), { timeout: 60_000 }).toMatch(/status-\d/);
  return waitForPrompt(page);
}

test("two learners at once cannot list, read or reach each other", async ({ browser }) => {
  test.setTimeout(300_000);
  const [lena, omar] = await Promise.all([browser.newContext(), browser.newContext()]);
  const [lenaPage, omarPage] = [await lena.newPage(), await omar.newPage()];
  await signIn(lenaPage, "lena");
  await signIn(omarPage, "omar");
  await startLab(lenaPage, "container-immutability");
  await startLab(omarPage, "container-immutability");
  type Session = { id: string; namespace: string; state: { phase: string } };
  const running = async (page: typeof lenaPage): Promise<Session> =>
    (await api<Session[]>(page, "GET", "/sessions")).body.find((one) => one.state.phase === "running")!;
  const [hers, his] = [await running(lenaPage), await running(omarPage)];
  expect(hers.namespace).not.toBe(his.namespace);

  await type(lenaPage, "kubectl run web --image httpd && kubectl wait --for=condition=Ready pod/web --timeout=60s");
  const address = (await type(lenaPage, "kubectl get pod web -o jsonpath='{.status.podIP}{\"\\n\"}'")).match(/\d+\.\d+\.\d+\.\d+/)![0];
  expect(await type(lenaPage, `curl -sS -m 5 http://${address}/ | head -c 200`)).toContain("html");

  expect(await type(omarPage, `kubectl get pods -n ${hers.namespace}`)).toContain("Forbidden");
  expect(await type(omarPage, "kubectl get namespaces")).toContain("Forbidden");
  expect(await type(omarPage, "kubectl get pods -n lectern-workbenches")).toContain("Forbidden");
  expect(await type(omarPage, `kubectl exec -n ${hers.namespace} web -- true`)).toContain("Forbidden");
  expect(await type(omarPage, `curl -sS -m 3 http://${address}/`)).toMatch(/timed out|refused/i);
  expect(await type(omarPage, "curl -sS -m 3 http://169.254.169.254/")).toMatch(/timed out|refused|unreachable|Couldn't connect/i);

  for (const path of [`/sessions/${hers.id}`, `/sessions/${hers.id}/pages/introduction`, `/sessions/${hers.id}/progress`]) {
    expect((await api(omarPage, "GET", path)).status, path).toBe(404);
  }
  const closed = await omarPage.evaluate(async (id) => {
    const url = `${location.origin.replace("http", "ws")}/api/v1/sessions/${id}/terminals/1/attach?cols=80&rows=24`;
    return new Promise((resolve) => {
      const socket = new WebSocket(url);
      socket.onopen = () => resolve("opened");
      socket.onerror = () => resolve("refused");
    });
  }, hers.id);
  expect(closed).toBe("refused");

  await endSession(lenaPage);
  await endSession(omarPage);
  await Promise.all([lena.close(), omar.close()]);
});
