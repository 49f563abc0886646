// Keeps the page as the author's files are, without losing the place where they read.
const say = (words) => {
  const state = document.querySelector(".preview-state");
  if (state) state.textContent = words;
};

const KEPT = "[data-keep-scroll]";
let wanted = document.body.dataset.mark;
let refreshing = false;

async function refresh() {
  if (refreshing) return;
  refreshing = true;
  try {
    while (document.body.dataset.mark !== wanted) {
      const asked = wanted;
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!fresh.querySelector(".workspace")) throw new Error("no preview");
      show(fresh);
      // the page may be newer than the event that it was fetched for
      if (wanted === asked) wanted = fresh.body.dataset.mark;
    }
  } catch {
    say("The preview cannot be reached");
  } finally {
    refreshing = false;
  }
}

function show(fresh) {
  const places = new Map([...document.querySelectorAll(KEPT)].map((pane) => [pane.id, pane.scrollTop]));
  const sections = new Map(
    [...document.querySelectorAll("details[data-section-begin]")].map((one) => [one.dataset.sectionBegin, one.open]),
  );
  for (const section of fresh.querySelectorAll("details[data-section-begin]")) {
    section.open = sections.get(section.dataset.sectionBegin) ?? section.open;
  }
  document.querySelector(".workspace").replaceWith(document.adoptNode(fresh.querySelector(".workspace")));
  document.title = fresh.title;
  document.body.dataset.mark = fresh.body.dataset.mark;
  for (const pane of document.querySelectorAll(KEPT)) pane.scrollTop = places.get(pane.id) ?? 0;
}

const events = new EventSource("/events");
events.addEventListener("changed", (event) => {
  wanted = event.data;
  say("Follows what you save");
  refresh();
});
events.addEventListener("error", () => say("The preview has stopped; start lectern dev again"));

document.addEventListener("click", async (event) => {
  const copy = event.target.closest?.("[data-copy], .copyable");
  if (!copy) return;
  await navigator.clipboard.writeText(copy.dataset.copy ?? copy.textContent);
  copy.classList.add("copied");
  setTimeout(() => copy.classList.remove("copied"), 1500);
});
