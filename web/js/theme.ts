// Which colours to show: the system's, or those that somebody chose.
const KEY = "lectern.theme";
const THEMES = ["light", "dark", "contrast"];

function apply(theme: string | null) {
  const root = document.documentElement;
  if (theme !== null && THEMES.includes(theme)) root.dataset.theme = theme;
  else delete root.dataset.theme;
}

function saved(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

apply(saved());

// whatever offers a choice needs no code of its own
document.addEventListener("click", (event) => {
  const choice = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-theme-choice]") : null;
  const theme = choice?.dataset.themeChoice;
  if (theme === undefined) return;
  apply(theme);
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // where nothing can be kept, the choice lasts until the page is closed
  }
});
// other tabs of the browser follow
window.addEventListener("storage", (event) => {
  if (event.key === KEY) apply(event.newValue);
});
export {};
