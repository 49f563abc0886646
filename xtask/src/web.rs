//! The web app: the WebAssembly modules and npm's bundle, put together in `web/dist`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::context::{Context, variable};
use crate::fingerprint::Fingerprint;
use crate::place;
use crate::step::Step;
use crate::wasm::{self, Compiler};

const NAME: &str = "lectern_web";
/// Where npm's build script looks for the modules, within `web`.
const BOUND: &str = "target/bound";
/// Where npm's build script says which files a page loads, within `web`.
const LOADED: &str = "target/loaded.txt";
/// What pages may cost a learner's connection, in bytes after brotli: the page, scripts, styles and modules. They have
/// 212,200 and 373,700 (2026-11-26); before the module was split, the first page had 399,500.
const LIMITS: [Limit; 2] = [
    Limit { of: "first", what: "the first page", bytes: 225_000 },
    Limit { of: "workspace", what: "all that the workspace needs", bytes: 390_000 },
];
/// Leptos' views get one type instead of one each, which makes the module a tenth smaller; and the linker notes what refers
/// to what, by which the module is split.
const FLAGS: [&str; 3] = ["--cfg", "erase_components", "-Clink-args=--emit-relocs"];
/// What every browser of recent years understands; rustc uses no more than this by default.
const FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// What a page may cost.
struct Limit {
    /// The page's name in the list of files.
    of: &'static str,
    what: &'static str,
    bytes: u64,
}

/// Builds the web app if its sources changed, and puts it into `web/dist`.
pub fn build(context: &Context, step: &Step, compiler: &Compiler, bindgen: &Path) -> Result<()> {
    let key = fingerprint(context, compiler)?;
    let web = context.checkout.join("web");
    let dist = web.join("dist");
    let made = context.cache.find_or_make("web", &key, |folder| {
        if dist.exists() {
            fs::remove_dir_all(&dist)?;
        }
        build_modules(context, step, compiler, bindgen, &web.join(BOUND))?;
        wasm::install_npm_packages(context, step, &web)?;
        let mut npm = context.command("npm run build");
        npm.current_dir(&web);
        step.run(npm)?;
        if !dist.join("index.html").is_file() {
            bail!("npm's build script left no index.html in {}", dist.display());
        }
        compress(context, step, &dist)?;
        step.conclude(&measure(&web, &LIMITS)?);
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
        .text(&FLAGS.join(" "))
        .text(&compiler.version(context)?)
        .tree(&context.checkout.join("xtask/wasm-bindgen-driver"), |_| true)?
        .file(&context.checkout.join("xtask/scripts/compress.mjs"))?
        .tree(&context.checkout.join("xtask/wasm-opt"), |_| true)
        .map(Fingerprint::finish)
}

/// Returns the flags for the compiler. Panics name files: the paths of dependencies are shortened to what is the same on
/// every machine.
fn compiler_flags() -> Vec<String> {
    let mut flags: Vec<_> = FLAGS.map(str::to_owned).into();
    let own = variable("CARGO_HOME").map(PathBuf::from);
    if let Some(cargo) = own.or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cargo"))) {
        flags.push(format!("--remap-path-prefix={}=", cargo.join("registry/src").display()));
    }
    flags
}

/// Compiles, splits, binds and shrinks the modules into `bound`.
fn build_modules(
    context: &Context,
    step: &Step,
    compiler: &Compiler,
    bindgen: &Path,
    bound: &Path,
) -> Result<()> {
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

    if bound.exists() {
        fs::remove_dir_all(bound).with_context(|| format!("could not empty {}", bound.display()))?;
    }
    let compiled = target.join(wasm::TARGET).join("web/lectern-web.wasm");
    let mut bind = context.program(bindgen);
    bind.arg(&compiled).arg(bound).arg(NAME);
    step.run(bind)?;

    let optimizer = wasm::optimizer(context, step)?;
    let shrunk = target.join("shrunk.wasm");
    for entry in fs::read_dir(bound).with_context(|| format!("could not list {}", bound.display()))? {
        let module = entry?.path();
        if module.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let mut optimize = context.program(&optimizer);
        optimize.args(FEATURES).arg("-Oz").arg(&module).arg("-o").arg(&shrunk);
        step.run(optimize)?;
        fs::rename(&shrunk, &module).with_context(|| format!("could not replace {}", module.display()))?;
    }
    Ok(())
}

/// Lays a compressed copy beside each file of `dist`.
fn compress(context: &Context, step: &Step, dist: &Path) -> Result<()> {
    let mut compress = context.command("node");
    compress.arg(context.checkout.join("xtask/scripts/compress.mjs")).arg(dist);
    step.run(compress)
}

/// Returns what the pages cost, in words. Fails if one costs more than it may.
fn measure(web: &Path, limits: &[Limit]) -> Result<String> {
    let listed = web.join(LOADED);
    let loaded =
        fs::read_to_string(&listed).with_context(|| format!("could not read {}", listed.display()))?;
    let mut costs = Vec::new();
    for &Limit { of, what, bytes: limit } in limits {
        let mut bytes = 0;
        for file in loaded.lines().filter_map(|line| line.strip_prefix(of)?.strip_prefix(' ')) {
            let compressed = web.join("dist").join(format!("{file}.br"));
            bytes += fs::metadata(&compressed)
                .with_context(|| format!("the compressed {} is missing", compressed.display()))?
                .len();
        }
        if !(1..=limit).contains(&bytes) {
            bail!("{what} has {bytes} bytes after brotli; the limit is {limit}: find what made it grow");
        }
        costs.push(format!("{what} {} of {} KiB brotli", bytes / 1024, limit / 1024));
    }
    Ok(costs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_costs_more_than_it_may_fails_the_build() {
        let web = tempfile::tempdir().unwrap();
        for folder in ["dist", "target"] {
            fs::create_dir(web.path().join(folder)).unwrap();
        }
        let list = "first a.js\nfirst b.wasm\nworkspace a.js\n";
        fs::write(web.path().join(LOADED), list).unwrap();
        for (name, length) in [("a.js.br", 600), ("b.wasm.br", 500)] {
            fs::write(web.path().join("dist").join(name), vec![0; length]).unwrap();
        }
        let measured = |of, bytes| measure(web.path(), &[Limit { of, what: "this page", bytes }]);
        assert_eq!(measured("first", 1100).unwrap(), "this page 1 of 1 KiB brotli");
        let refused = measured("first", 1099).unwrap_err().to_string();
        assert!(refused.contains("1100 bytes") && refused.contains("1099"), "{refused}");
        assert!(measured("workspace", 600).is_ok());
        assert!(measured("nothing", 600).is_err(), "a page that loads nothing is a fault of the list");
    }
}
