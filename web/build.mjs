// Bundles what is not Rust: xterm.js, the start script and the styles.
// Everything goes to dist/, where wasm-bindgen writes lectern_web.js and lectern_web_bg.wasm.
import { build } from "esbuild";
import { copyFile, mkdir } from "node:fs/promises";

await mkdir("dist", { recursive: true });
await build({
  entryPoints: { app: "js/boot.ts", theme: "js/theme.ts", style: "styles/style.css" },
  outdir: "dist",
  bundle: true,
  minify: true,
  format: "esm",
  // what only the workspace needs is fetched there
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  target: ["es2022", "chrome100", "firefox104", "safari16"],
  external: ["/lectern_web.js"],
  legalComments: "linked",
  logLevel: "info",
});
await copyFile("index.html", "dist/index.html");
await copyFile("favicon.svg", "dist/favicon.svg");
