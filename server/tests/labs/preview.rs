//! `lectern dev`, the program, as an author uses it.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::{Response, StatusCode};

use crate::support::{Folder, Shop, in_time};

/// A running preview.
struct Preview {
    child: Child,
    base: String,
    http: reqwest::Client,
}

impl Preview {
    /// Starts it beside a database and a cluster that cannot be used.
    fn start(lab: &Folder) -> Self {
        // opening any catalogue chooses TLS for the test's own client
        drop(Shop::open("/tmp"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_lectern"))
            .args(["dev", "--listen", "127.0.0.1:0"])
            .arg(lab.path())
            .envs([("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none"), ("KUBECONFIG", "/nonexistent")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program can be started");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let base = line.split(" at ").last().expect("an address").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, base, http: reqwest::Client::new() }
    }

    async fn open(&self, path: &str) -> Response {
        self.http.get(format!("{}{path}", self.base)).send().await.expect("the preview answers")
    }

    async fn page(&self, path: &str) -> String {
        self.open(path).await.text().await.expect("a page")
    }

    async fn follow(&self) -> Events {
        let response = self.open("/events").await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { response, unread: String::new() }
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the preview tells a browser.
struct Events {
    response: Response,
    unread: String,
}

impl Events {
    /// The mark of the next event.
    async fn next(&mut self) -> String {
        in_time("an event", async {
            loop {
                if let Some((event, rest)) = self.unread.split_once("\n\n") {
                    let mark = event.strip_prefix("event: changed\ndata: ").map(str::to_owned);
                    self.unread = rest.to_owned();
                    if let Some(mark) = mark {
                        return mark;
                    }
                } else {
                    let piece = self.response.chunk().await.expect("the stream can be read");
                    self.unread
                        .push_str(std::str::from_utf8(&piece.expect("the stream goes on")).expect("text"));
                }
            }
        })
        .await
    }
}

fn lab() -> Folder {
    let lab = Folder::new();
    lab.write(
        "resources/workshop.yaml",
        "kind: Workshop\nmetadata:\n  name: drafts\nspec:\n  title: Drafts\n",
    );
    lab.write("workshop/workshop.yaml", "modules:\n  activate: [one, deep/two]\n");
    lab.write("workshop/content/one.md", "# One\n\nIn {{ session_namespace }}.\n\n```execute\nls -l\n```\n");
    lab.write("workshop/content/deep/two.md", "# Two\n\n![p](p.svg) and [back](../one.md)\n");
    lab.write("workshop/content/deep/p.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    lab
}

fn mark_of(page: &str) -> &str {
    let (_, rest) = page.split_once("data-mark=\"").expect("a page with a mark");
    rest.split('"').next().expect("its end")
}

#[tokio::test]
async fn a_page_that_is_saved_is_announced_and_shown() {
    let lab = lab();
    let preview = Preview::start(&lab);
    let first = preview.page("/").await;
    for part in [
        "<title>One · Drafts · Preview</title>",
        "In preview.",
        "<code class=\"action-body\">ls -l</code>",
        "href=\"/pages/deep/two\"",
        "Page 1 of 2",
        "Commands and checks do not run in a preview",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    let mut events = preview.follow().await;
    assert_eq!(events.next().await, mark_of(&first));

    lab.write("workshop/content/one.md", "# One\n\nSaved just now.\n");
    let mark = events.next().await;
    let second = preview.page("/pages/one").await;
    assert_eq!(mark_of(&second), mark);
    assert!(second.contains("Saved just now.") && !second.contains("ls -l"), "{second}");
}

#[tokio::test]
async fn a_broken_page_shows_its_error_and_the_preview_goes_on() {
    let lab = lab();
    let preview = Preview::start(&lab);
    let mut events = preview.follow().await;
    events.next().await;
    lab.write(
        "workshop/content/one.md",
        "# One\n\n```terminal:execute\ncommand: [never closed\n```\n\nThe rest.\n",
    );
    events.next().await;
    let page = preview.page("/pages/one").await;
    assert!(page.contains("class=\"action broken\"") && page.contains("The rest."), "{page}");
    assert!(page.contains("<code>workshop/content/one.md:4:"), "{page}");

    // what keeps the whole lab from being read leaves the last version, and says so
    lab.write("workshop/workshop.yaml", "modules: [\n");
    events.next().await;
    let page = preview.page("/pages/deep/two").await;
    assert!(
        page.contains("data-testid=\"preview-stale\"") && page.contains("workshop/workshop.yaml:"),
        "{page}"
    );
    assert!(page.contains("<h2 class=\"page-title\" data-testid=\"page-title\">Two</h2>"), "{page}");
    lab.write("workshop/workshop.yaml", "modules:\n  activate: [deep/two]\n");
    lab.write("workshop/content/one.md", "# One\n\nMended.\n");
    in_time("the mended lab", async {
        while preview.page("/pages/one").await.contains("preview-stale") {
            events.next().await;
        }
    })
    .await;
    assert!(preview.page("/pages/one").await.contains("No table of contents lists this page"));
    let absent = preview.open("/pages/three").await;
    assert_eq!(absent.status(), StatusCode::NOT_FOUND);
    assert!(absent.text().await.unwrap().contains("This page is not there"));
}

#[tokio::test]
async fn a_lab_can_be_begun_in_an_empty_folder() {
    let lab = Folder::new();
    let preview = Preview::start(&lab);
    assert!(preview.page("/").await.contains("The lab has no pages"));
    let mut events = preview.follow().await;
    events.next().await;
    lab.write("hello.md", "# Hello\n\nA beginning.\n");
    events.next().await;
    assert!(preview.page("/").await.contains("A beginning."));
}

#[tokio::test]
async fn pages_and_files_are_shown_so_that_no_script_of_the_labs_runs_and_no_other_site_reads_them() {
    let lab = lab();
    lab.write("secret.txt", "top secret");
    lab.write(
        "workshop/content/evil.md",
        "# Evil\n\n<script>alert(1)</script><img src=x onerror=alert(1)>\n",
    );
    let preview = Preview::start(&lab);
    let page = preview.open("/pages/deep/two").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"), "{policy}");
    let page = page.text().await.unwrap();
    assert!(page.contains("src=\"/files/deep/p.svg\"") && page.contains("href=\"/pages/one\""), "{page}");
    let picture = preview.open("/files/deep/p.svg").await;
    assert!(picture.headers()["content-security-policy"].to_str().unwrap().contains("sandbox"));
    let evil = preview.page("/pages/evil").await;
    assert!(!evil.contains("alert(1)"), "{evil}");
    for path in ["/files/../../secret.txt", "/files/%2e%2e/%2e%2e/secret.txt", "/secret.txt"] {
        let answer = preview.open(path).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    let foreign = preview.http.get(&preview.base).header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let style = preview.page("/preview.css").await;
    assert!(style.contains(".action-row") && style.contains(".preview-findings"), "{style}");
    let script = preview.open("/preview.js").await;
    assert!(script.headers()["content-type"].to_str().unwrap().starts_with("text/javascript"));
}

#[tokio::test]
async fn a_signal_ends_it_while_a_browser_listens() {
    let mut preview = Preview::start(&lab());
    let mut events = preview.follow().await;
    events.next().await;
    let pid = preview.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill can be started").success());
    in_time("the end", async {
        while preview.child.try_wait().expect("a child").is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(preview.child.wait().expect("its status").success());
}

#[test]
fn what_is_no_lab_is_refused_in_words() {
    let several = Folder::new();
    several.write_lab("one", "The first");
    several.write_lab("two", "The second");
    let run = |path: &str| {
        let program = Command::new(env!("CARGO_BIN_EXE_lectern")).args(["dev", path]).output();
        let output = program.expect("the program can be started");
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let message = run(several.path().to_str().unwrap());
    assert!(
        message.contains("holds several labs; name one of them: ") && message.contains("/two"),
        "{message}"
    );
    assert!(run("/nonexistent").contains("/nonexistent is not a folder"));
}
