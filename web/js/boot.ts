// The page's start script: puts the glue for pages, terminals and tools on `window`, then starts the app.
import "./keys";
import "./page";
import "./panels";
import "./terminal";
// @ts-ignore: written by wasm-bindgen beside this bundle
import init from "/lectern_web.js";

async function start() {
  try {
    await init({ module_or_path: "/lectern_web_bg.wasm" });
  } catch (cause) {
    console.error(cause);
    const boot = document.getElementById("boot");
    if (boot) {
      boot.setAttribute("role", "alert");
      boot.innerHTML =
        "<p><strong>Lectern couldn't load.</strong></p>" +
        "<p>Reload the page. If it keeps happening, your browser may be too old or may block WebAssembly.</p>";
    }
  }
}

void start();
