//! Turns the web app's compiled module into what a browser loads: `wasm-bindgen-driver <app.wasm> <out-folder> <name>`
//! writes `<name>.js` and `<name>_bg.wasm`.
//!
//! It owns only the choice of wasm-bindgen's options. `wasm-bindgen-cli` would do the same with far more dependencies.

use std::path::PathBuf;

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [module, folder, name] = arguments.as_slice() else {
        bail!("usage: wasm-bindgen-driver <app.wasm> <out-folder> <name>");
    };
    let (module, folder) = (PathBuf::from(module), PathBuf::from(folder));
    let name = name.to_str().context("the name must be UTF-8")?;

    let mut bindgen = Bindgen::new();
    bindgen
        .web(true)?
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(name)
        .input_path(&module)
        .generate(&folder)
        .with_context(|| format!("could not bind {} for the browser", module.display()))
}
