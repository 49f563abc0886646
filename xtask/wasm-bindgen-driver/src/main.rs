//! Turns the web app's compiled module into what a browser loads: `wasm-bindgen-driver <app.wasm> <out-folder> <name>`
//! writes `<name>.js` and `<name>_bg.wasm`, and beside them the parts that are fetched when they are first needed, with
//! `__wasm_split.js`, which fetches them, and `parts.txt`: a part's name and its modules on each line.
//!
//! It owns only the choice of options. `wasm-bindgen-cli` and `wasm-split-cli` would do the same with far more
//! dependencies.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use wasm_bindgen_cli_support::Bindgen;
use wasm_split_cli_support::{Options, transform};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        bail!("usage: wasm-bindgen-driver <app.wasm> <out-folder> <name>");
    };
    let (module, folder) = (PathBuf::from(module), PathBuf::from(folder));
    let name = name.to_str().context("the name must be UTF-8")?;

    let compiled = fs::read(&module).with_context(|| format!("could not read {}", module.display()))?;
    let first = folder.join("first.wasm");
    let main_module = format!("./{name}.js");
    let mut options = Options::new(&compiled);
    options.output_dir = &folder;
    options.main_out_path = &first;
    options.main_module = &main_module;
    let split = transform(options).map_err(|error| {
        anyhow!("could not split {}: {error:#}; was it linked with --emit-relocs?", module.display())
    })?;
    let parts: String =
        split.prefetch_map.iter().map(|(part, modules)| format!("{part} {}\n", modules.join(" "))).collect();
    fs::write(folder.join("parts.txt"), parts).context("could not write parts.txt")?;

    let mut bindgen = Bindgen::new();
    bindgen
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        // the parts use the first module's stack and table by the linker's names
        .keep_lld_exports(true)
        .out_name(name)
        .input_path(&first)
        .generate(&folder)
        .with_context(|| format!("could not bind {} for the browser", module.display()))?;
    fs::remove_file(&first).with_context(|| format!("could not remove {}", first.display()))
}
