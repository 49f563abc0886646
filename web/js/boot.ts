// The page's start script: puts the glue for pages, terminals and tools on `window`, then starts the app.
import "./keys";
import "./page";
import "./panels";
import "./parts";
import "./terminal";
// @ts-ignore: written by wasm-bindgen
import init from "bound:lectern_web.js";
// @ts-ignore: its address, with the digest in its name
import module from "bound:lectern_web_bg.wasm";

async function start() {
  try {
    await init({ module_or_path: module });
  } catch (cause) {
    console.error(cause);
    const boot = document.querySelector("#boot main");
    if (boot) {
      boot.setAttribute("role", "alert");
      boot.innerHTML =
        "<p><strong>Lectern couldn't load.</strong></p>" +
        "<p>Reload the page. If it keeps happening, your browser may be too old or may block WebAssembly.</p>";
    }
  }
}

void start();
