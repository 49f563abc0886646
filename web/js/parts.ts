// What the app fetches besides code when a part of it is first needed: the workspace's styles. The page's head names them.

let loading: Promise<boolean> | undefined;

/** Adds the workspace's styles to the page; resolves to whether they are there. What failed is tried again. */
function loadStyles(): Promise<boolean> {
  loading ??= new Promise((resolve) => {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = document.querySelector<HTMLMetaElement>("meta[name=workspace-styles]")?.content ?? "";
    style.onload = () => resolve(true);
    style.onerror = () => {
      style.remove();
      loading = undefined;
      resolve(false);
    };
    document.head.append(style);
  });
  return loading;
}

Object.assign(window, { LecternParts: { loadStyles } });
