//! How fast pages render: `LECTERN_BENCH_PAGES=DIR cargo bench -p lectern-content` takes every Markdown file below a
//! folder (an absolute path, since cargo runs benches elsewhere); without it, the fixtures. Prints bytes per second.

#![expect(clippy::disallowed_methods, reason = "the environment names the pages")]

use std::fmt::Write;
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lectern_content::{Lab, RenderOptions, Variables};

/// Copies the pages below a folder into the labs that they belong to, and any that belong to none into one of its own.
fn labs(dir: &Path, scratch: &Path) -> Vec<(Lab, Vec<String>)> {
    let mut labs = Vec::new();
    let loose = scratch.join("loose");
    std::fs::create_dir_all(&loose).expect("a scratch folder");
    for folder in lectern_content::collection::find_workshops(dir) {
        let Ok(lab) = Lab::load(&folder) else { continue };
        let pages = lab.pages.iter().map(|page| page.name.clone()).collect();
        labs.push((lab, pages));
    }
    for (number, file) in
        markdown_files(dir).iter().filter(|file| !file.to_string_lossy().contains("/content/")).enumerate()
    {
        std::fs::copy(file, loose.join(format!("page-{number}.md"))).expect("a copy");
    }
    if let Ok(lab) = Lab::load(&loose) {
        let pages = lab.pages.iter().map(|page| page.name.clone()).collect();
        labs.push((lab, pages));
    }
    labs
}

fn markdown_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(markdown_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    files
}

fn collection(criterion: &mut Criterion) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let dir = std::env::var_os("LECTERN_BENCH_PAGES").map_or(fixtures, PathBuf::from);
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let labs = labs(&dir, scratch.path());
    let bytes: u64 =
        markdown_files(&dir).iter().filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum();
    let pages: usize = labs.iter().map(|(_, pages)| pages.len()).sum();
    let variables = Variables::new().with("session_namespace", "lab-7");
    let mut group = criterion.benchmark_group("collection");
    group.throughput(Throughput::Bytes(bytes));
    group.bench_function(format!("{pages} pages"), |bencher| {
        bencher.iter(|| {
            for (lab, pages) in &labs {
                for page in pages {
                    let _ = black_box(lab.render_page(page, &variables, &RenderOptions::new("/files")));
                }
            }
        });
    });
    group.finish();
}

/// A lab of one page of ten megabytes; with `html`, some of it is HTML of the page's own.
fn long_lab(root: &Path, html: bool) -> (Lab, u64) {
    let mut text = String::new();
    let mut number = 0;
    while text.len() < 10 * 1024 * 1024 {
        number += 1;
        let _ = write!(
            text,
            "## Step {number}\n\nSome *words* about `step {number}` in {{{{ session_namespace }}}}, with a [link](https://example.test).\n\n\
             ```execute\nkubectl get pods -n {{{{ session_namespace }}}} # {number}\n```\n\n\
             1. one thing\n2. another thing, said at more length so that it takes a line of its own\n\n"
        );
        if html && number % 100 == 0 {
            text.push_str("<details><summary>More</summary>\n\nwords <b>bold</b>\n\n</details>\n\n");
        }
    }
    std::fs::create_dir_all(root.join("workshop/content")).expect("a scratch folder");
    std::fs::write(root.join("workshop/workshop.yaml"), "name: Long\n").expect("a file");
    std::fs::write(root.join("workshop/content/page.md"), &text).expect("a file");
    (Lab::load(root).expect("a lab"), text.len() as u64)
}

fn long_page(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().expect("a scratch folder");
    let variables = Variables::new().with("session_namespace", "lab-7");
    let mut group = criterion.benchmark_group("long page");
    for (name, html) in [("10 MB", false), ("10 MB with HTML", true)] {
        let (lab, bytes) = long_lab(&dir.path().join(name.replace(' ', "-").to_lowercase()), html);
        group.sample_size(10).throughput(Throughput::Bytes(bytes));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(lab.render_page("page", &variables, &RenderOptions::new("/files"))));
        });
    }
    group.finish();
}

/// Loading: the files, the resource, the order and titles of the pages.
fn loading(criterion: &mut Criterion) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let dir = std::env::var_os("LECTERN_BENCH_PAGES").map_or(fixtures, PathBuf::from);
    let folders = lectern_content::collection::find_workshops(&dir);
    criterion.bench_function("load the labs", |bencher| {
        bencher.iter(|| folders.iter().filter_map(|folder| black_box(Lab::load(folder)).ok()).count());
    });
}

criterion_group!(benches, collection, long_page, loading);
criterion_main!(benches);
