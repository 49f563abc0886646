//! Prints one rendered page: `cargo run --example render -- LAB PAGE`.

use std::path::Path;

use lectern_content::{Lab, RenderOptions, Variables};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (dir, page) = (arguments.next().unwrap_or_default(), arguments.next().unwrap_or_default());
    let lab = match Lab::load(Path::new(&dir)) {
        Ok(lab) => lab,
        Err(error) => return eprintln!("{error}"),
    };
    match lab.render_page(&page, &Variables::new(), &RenderOptions::new("/files")) {
        Ok(page) => println!("# {}\n{}\n{:#?}", page.title, page.html, page.actions),
        Err(error) => eprintln!("{error}"),
    }
}
