//! Names what the server is compiled from besides Rust, which the compiler does not report to Cargo.

fn main() {
    // `sqlx::migrate!` embeds the migrations
    println!("cargo:rerun-if-changed=../migrations");
    // the query macros read what the database said about each query
    println!("cargo:rerun-if-changed=.sqlx");
    // set in order to write that folder: every query must be expanded again then
    println!("cargo:rerun-if-env-changed=SQLX_OFFLINE_DIR");
}
