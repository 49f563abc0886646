//! Prints what the labs below a folder hold: `cargo run --example corpus -- DIR`.

fn main() {
    for dir in std::env::args().skip(1) {
        println!("{}", lectern_content::tools::corpus::survey(std::path::Path::new(&dir)));
    }
}
