//! The web app: npm's bundle and the WebAssembly module, put together in `web/dist`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::context::{Context, variable};
use crate::fingerprint::Fingerprint;
use crate::place;
use crate::step::Step;
use crate::wasm::{self, Compiler};

const NAME: &str = "lectern_web";
/// What the first page may cost a learner's connection, in bytes after brotli.
const LIMIT_BYTES: u64 = 350 * 1024;
/// Leptos' views get one type instead of one each, which makes the module a tenth smaller.
const ERASE_TYPES: [&str; 2] = ["--cfg", "erase_components"];
/// What every browser of recent years understands; rustc uses no more than this by default.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Builds the web app if its sources changed, and puts it into `web/dist`.
pub fn build(context: &Context, step: &Step, compiler: &Compiler, bindgen: &Path) -> Result<()> {
    let key = fingerprint(context, compiler)?;
    let web = context.checkout.join("web");
    let dist = web.join("dist");
    let made = context.cache.find_or_make("web", &key, |folder| {
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        wasm::install_npm_packages(context, step, &web)?;
        let mut npm = context.command("npm run build");
        npm.current_dir(&web);
        step.run(npm)?;
        if !dist.join("index.html").is_file() {
            bail!("npm's build script left no index.html in {}", dist.display());
        }
        let size_bytes = build_module(context, step, compiler, bindgen, &dist)?;
        step.conclude(&format!("{} KiB of {} KiB brotli", size_bytes / 1024, LIMIT_BYTES / 1024));
        place::mirror_tree(&dist, folder)
    })?;
    place::mirror_tree(&made, &dist)
}

fn fingerprint(context: &Context, compiler: &Compiler) -> Result<String> {
    // the lock file is the whole workspace's; a new dependency of the server is no reason to rebuild the app
    let tree = "cargo tree --package lectern-web --edges normal,build --prefix none --no-dedupe --target";
    let dependencies = context.ask(&format!("{tree} {}", wasm::TARGET))?;
    let dependencies = dependencies.replace(&*context.checkout.to_string_lossy(), ".");
    Fingerprint::new("web")
        .tree(&context.checkout.join("web"), |_| true)?
        .tree(&context.checkout.join("api"), |_| true)?
        .file(&context.checkout.join("Cargo.toml"))?
        .text(&dependencies)
        .text(&ERASE_TYPES.join(" "))
        .text(&compiler.version(context)?)
        .tree(&context.checkout.join("xtask/wasm-bindgen-driver"), |_| true)?
        .file(&context.checkout.join("xtask/scripts/compress.mjs"))?
        .tree(&context.checkout.join("xtask/wasm-opt"), |_| true)
        .map(Fingerprint::finish)
}

/// Returns the flags for the compiler. Panics name files: the paths of dependencies are shortened to what is the same on
/// every machine.
fn compiler_flags() -> Vec<String> {
    let mut flags: Vec<_> = ERASE_TYPES.map(str::to_owned).into();
    let own = variable("CARGO_HOME").map(PathBuf::from);
    if let Some(cargo) = own.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cargo"))) {
        flags.push(format!("--remap-path-prefix={}=", cargo.join("registry/src").display()));
    }
    flags
}

/// Compiles, binds and shrinks the module into `dist`, and compresses what is there. Returns the module's size after
/// brotli, in bytes.
fn build_module(
    context: &Context,
    step: &Step,
    compiler: &Compiler,
    bindgen: &Path,
    dist: &Path,
) -> Result<u64> {
    // the host's compiler builds in the target folder, and two compilers in one folder build everything twice
    let target = context.target.join("web");
    let mut cargo = context.cargo("build --package lectern-web --profile web --target");
    cargo
        .arg(wasm::TARGET)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", compiler_flags().join("\x1f"));
    compiler.apply(&mut cargo);
    step.run(cargo)?;

    let compiled = target.join(wasm::TARGET).join("web/lectern-web.wasm");
    let mut bind = context.program(bindgen);
    bind.arg(&compiled).arg(dist).arg(NAME);
    step.run(bind)?;

    let module = dist.join(format!("{NAME}_bg.wasm"));
    let shrunk = context.target.join("web/shrunk.wasm");
    let mut optimize = context.program(&wasm::optimizer(context, step)?);
    optimize.args(FEATURES).arg("-Oz").arg(&module).arg("-o").arg(&shrunk);
    step.run(optimize)?;
    fs::rename(&shrunk, &module).with_context(|| format!("could not replace {}", module.display()))?;

    let mut compress = context.command("node");
    compress.arg(context.checkout.join("xtask/scripts/compress.mjs")).arg(dist);
    step.run(compress)?;
    let compressed = dist.join(format!("{NAME}_bg.wasm.br"));
    let size_bytes = fs::metadata(&compressed)
        .with_context(|| format!("the compressed module {} is missing", compressed.display()))?
        .len();
    if size_bytes > LIMIT_BYTES {
        bail!(
            "{} has {size_bytes} bytes after brotli; the limit is {LIMIT_BYTES}: find what made it grow",
            module.display()
        );
    }
    Ok(size_bytes)
}
