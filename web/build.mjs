// Puts the web app together in dist/: the start script with what wasm-bindgen wrote, the tools as chunks, the modules, the
// styles, and the page that names them. Whatever has its digest in its name, in dist/assets/, never changes.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";

// where wasm-bindgen left lectern_web.js, the modules, and what fetches the later ones
const BOUND = new URL("target/bound/", import.meta.url).pathname;

// the loader of the later modules names them in a form that esbuild does not know
const laterModules = {
  name: "later-modules",
  setup(build) {
    build.onResolve({ filter: /^bound:/ }, ({ path }) => ({ path: BOUND + path.slice("bound:".length) }));
    build.onLoad({ filter: /\/__wasm_split\.js$/ }, async ({ path }) => {
      const names = [];
      const code = (await readFile(path, "utf8")).replace(/new URL\("(\.\/[^"]+\.wasm)", import\.meta\.url\)/g, (_, name) => {
        names.push(name);
        return `module_${names.length - 1}`;
      });
      const imports = names.map((name, at) => `import module_${at} from "${name}";\n`);
      return { contents: imports.join("") + code };
    });
  },
};

const { metafile } = await build({
  entryPoints: { app: "js/boot.ts", head: "js/head.ts", style: "styles/style.css", workspace: "styles/workspace-part.css" },
  outdir: "dist",
  entryNames: "assets/[name]-[hash]",
  // what only the workspace needs is fetched there
  splitting: true,
  chunkNames: "assets/[name]-[hash]",
  assetNames: "assets/[name]-[hash]",
  publicPath: "/",
  loader: { ".wasm": "file" },
  plugins: [laterModules],
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022", "chrome100", "firefox104", "safari16"],
  legalComments: "linked",
  logLevel: "info",
  // wasm-bindgen names the loader of the later modules once for each of them
  logOverride: { "duplicate-object-key": "silent" },
  metafile: true,
});

const outputs = Object.entries(metafile.outputs).map(([path, output]) => ({ address: path.replace(/^dist/, ""), ...output }));
function made(source) {
  const found = outputs.find(({ address, entryPoint, inputs }) =>
    address.endsWith(".wasm") ? Object.keys(inputs).some((input) => basename(input) === source) : entryPoint === source,
  );
  if (!found) throw new Error(`esbuild made nothing of ${source}`);
  return found;
}

const app = made("js/boot.ts");
const first = app.imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path.replace(/^dist/, ""));
const addresses = {
  app: app.address,
  head: made("js/head.ts").address,
  style: made("styles/style.css").address,
  workspace: made("styles/workspace-part.css").address,
  module: made("lectern_web_bg.wasm").address,
};
const page = (await readFile("index.html", "utf8"))
  .replace(/ *<!-- chunks -->\n/, first.map((address) => `    <link rel="modulepreload" href="${address}">\n`).join(""))
  .replace(/\{(\w+)\}/g, (_, name) => addresses[name]);
await mkdir("dist", { recursive: true });
await writeFile("dist/index.html", page);
await copyFile("favicon.svg", "dist/favicon.svg");

// what pages load, for whoever measures them; parts.txt names the modules of each part
const parts = Object.fromEntries((await readFile(`${BOUND}parts.txt`, "utf8")).trim().split("\n").map((line) => {
  const [part, ...names] = line.split(" ");
  return [part, names.map((name) => made(`${name}.wasm`).address)];
}));
const workspace = Object.entries(parts).find(([part]) => part.startsWith("workspace"))?.[1];
if (!workspace) throw new Error(`${BOUND}parts.txt knows no workspace`);
const firstPage = ["/index.html", addresses.head, addresses.style, addresses.app, ...first, addresses.module];
const loaded = { first: firstPage, workspace: [...firstPage, addresses.workspace, ...workspace] };
const lines = Object.entries(loaded).flatMap(([page, files]) => files.map((file) => `${page} ${file.slice(1)}\n`));
await writeFile("target/loaded.txt", lines.join(""));
