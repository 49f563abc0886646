//! The catalogue: broken labs, changed labs, and the files beside pages.

use lectern_api::identity::Role;
use lectern_api::labs::LabSummary;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::client::Client;
use crate::support::lab_folder::{LAB, PAGES};
use crate::support::{Setting, TestApp, run, run_with};

async fn labs(viewer: &Client) -> Vec<LabSummary> {
    viewer.get("/api/v1/labs").await.json()
}

fn reload(app: &TestApp) {
    app.services.catalog.reload().expect("the folder of labs is there");
}

/// A manifest that cannot be read.
const UNREAD: &str = "kind: Workshop\nmetadata:\n  name: broken\nspec:\n  title: [never closed\n";

#[test]
fn the_catalogue_shows_a_lab_with_its_pages() {
    run(async |app| {
        let listed = labs(&app.learner("ada").await).await;
        assert_eq!(listed.len(), 1);
        assert_eq!((listed[0].slug.as_str(), listed[0].title.as_str()), (LAB, "The shell, slowly"));
        let pages: Vec<_> = listed[0].pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(pages, PAGES);
    });
}

#[test]
fn a_broken_lab_keeps_no_other_from_loading_and_only_authors_are_told_why() {
    run(async |app| {
        app.labs.write("broken/workshop/content/picture.png", "no page");
        reload(app);
        for (name, role) in [("ada", Role::Learner), ("teacher", Role::Instructor)] {
            let listed = labs(&app.person(name, role).await).await;
            let slugs: Vec<_> = listed.iter().map(|lab| lab.slug.as_str()).collect();
            assert_eq!(slugs, [LAB], "{name}");
        }
        for (name, role) in [("author", Role::Author), ("root", Role::Admin)] {
            let listed = labs(&app.person(name, role).await).await;
            let [broken, good] = listed.as_slice() else { panic!("{listed:?}") };
            assert!(good.errors.is_empty() && broken.pages.is_empty());
            assert_eq!(broken.slug.as_str(), "broken");
            let error = &broken.errors[0];
            assert_eq!((error.file.as_str(), error.line), ("workshop/content", Some(1)));
            assert_eq!(error.message, "The lab has no pages");
        }
        let ada = app.learner("grace").await;
        ada.post("/api/v1/sessions", &json!({"lab": "broken"})).await.problem(422, "broken_lab");
        assert_eq!(app.count("select count(*) from sessions").await, 0);
    });
}

#[test]
fn a_lab_whose_manifest_cannot_be_read_starts_and_its_author_is_told() {
    run(async |app| {
        app.labs.write("broken/resources/workshop.yaml", UNREAD);
        app.labs.write("broken/workshop/content/page.md", "Hello.\n");
        reload(app);
        let ada = app.learner("ada").await;
        let told = labs(&app.person("author", Role::Author).await).await;
        let error = &told[0].errors[0];
        assert_eq!((told[0].slug.as_str(), error.file.as_str()), ("broken", "resources/workshop.yaml"));
        assert!(error.line.is_some_and(|line| (5..=6).contains(&line)), "{error:?}");
        assert_eq!(labs(&ada).await[0].pages.len(), 1);
        ada.post("/api/v1/sessions", &json!({"lab": "broken"})).await.expect(201);
    });
}

#[test]
fn authors_get_what_lint_finds_with_its_lines_and_nobody_else_does() {
    run(async |app| {
        app.labs.write("second/workshop/content/page.md", "Words.\n\n[nowhere](gone.md)\n");
        reload(app);
        for (name, role, is_told) in [
            ("ada", Role::Learner, false),
            ("teacher", Role::Instructor, false),
            ("author", Role::Author, true),
            ("root", Role::Admin, true),
        ] {
            let listed = labs(&app.person(name, role).await).await;
            let second = listed.iter().find(|lab| lab.slug.as_str() == "second").unwrap();
            let found: Vec<_> =
                second.report.findings.iter().map(|one| (one.code.as_str(), one.line)).collect();
            let wanted: &[(&str, u32)] = if is_told { &[("broken-link", 3)] } else { &[] };
            assert_eq!(found, wanted, "{name}");
        }
    });
}

#[test]
fn the_workshop_resources_of_a_folder_are_labs_of_their_own() {
    run(async |app| {
        let resource = |name: &str, file: &str| {
            format!(
                "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {name}}}\nspec:\n  title: {name}\n  \
                 session:\n    env: [{{name: WORKSHOP_FILE, value: {file}}}]\n"
            )
        };
        app.labs.write("two/resources/workshop.yaml", &resource("two-long", "long.yaml"));
        app.labs.write("two/resources/workshop-short.yaml", &resource("two-short", "short.yaml"));
        app.labs.write("two/workshop/long.yaml", "modules: {activate: [a, b]}\n");
        app.labs.write("two/workshop/short.yaml", "modules: {activate: [b]}\n");
        app.labs.write("two/workshop/content/a.md", "A.\n");
        app.labs.write("two/workshop/content/b.md", "B.\n");
        reload(app);
        let ada = app.learner("ada").await;
        let listed = labs(&ada).await;
        let pages: Vec<_> = listed.iter().map(|lab| (lab.slug.as_str(), lab.pages.len())).collect();
        assert_eq!(pages, [(LAB, PAGES.len()), ("two-long", 2), ("two-short", 1)]);
        ada.post("/api/v1/sessions", &json!({"lab": "two-short"})).await.expect(201);
    });
}

#[test]
fn a_lab_that_becomes_broken_keeps_its_last_good_version() {
    run(async |app| {
        let (ada, author) = (app.learner("ada").await, app.person("author", Role::Author).await);
        let manifest = format!("{LAB}/resources/workshop.yaml");
        app.labs.write(&manifest, UNREAD);
        reload(app);
        let seen = labs(&ada).await;
        assert_eq!(seen[0].title, "The shell, slowly");
        assert!(seen[0].errors.is_empty());
        let told = labs(&author).await;
        assert_eq!(
            (told[0].title.as_str(), told[0].errors[0].file.as_str()),
            ("The shell, slowly", "resources/workshop.yaml")
        );
        // sessions go on with it
        let session = app.running_session(ada.id()).await;
        ada.get(&format!("/api/v1/sessions/{session}/pages/{}", PAGES[0])).await.expect(200);

        app.labs.write_manifest(LAB, "The shell, mended");
        reload(app);
        let mended = labs(&author).await;
        assert_eq!((mended[0].title.as_str(), mended[0].errors.len()), ("The shell, mended", 0));
    });
}

#[test]
fn a_changed_lab_is_read_again_and_one_that_is_gone_is_forgotten() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let page = format!("/api/v1/sessions/{session}/pages/{}", PAGES[0]);
        assert!(ada.get(&page).await.expect(200).body.contains("Hello."));
        app.labs.write(
            &format!("{LAB}/workshop/content/{}.md", PAGES[0]),
            "---\ntitle: New\n---\n\nGood morning.\n",
        );
        app.labs.write("second/page.md", "# A lab of one page\n\n```execute\nls\n```\n");
        reload(app);
        let body = ada.get(&page).await.expect(200).body;
        assert!(body.contains("Good morning.") && !body.contains("Hello."), "{body}");
        assert_eq!(labs(&ada).await.len(), 2);

        std::fs::remove_dir_all(app.labs.path().join("second")).unwrap();
        reload(app);
        assert_eq!(labs(&ada).await.len(), 1);
    });
}

#[test]
fn the_catalogue_notices_a_change_by_itself() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let watching = tokio::spawn(app.services.catalog.clone().watch());
        app.labs.write("second/page.md", "# A lab of one page\n\n```execute\nls\n```\n");
        crate::support::in_time("the new lab", async {
            while labs(&ada).await.len() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        watching.abort();
    });
}

#[test]
fn two_folders_with_one_name_leave_the_first_and_say_so() {
    run(async |app| {
        app.labs.write_manifest("zz-copy", "A copy");
        let copied = app.labs.path().join("zz-copy/resources/workshop.yaml");
        let text =
            std::fs::read_to_string(&copied).unwrap().replace("name: zz-copy", &format!("name: {LAB}"));
        app.labs.write("zz-copy/resources/workshop.yaml", &text);
        app.labs.write("zz-copy/workshop/content/page.md", "Hello.\n");
        reload(app);
        let listed = labs(&app.person("author", Role::Author).await).await;
        assert_eq!(listed.len(), 1);
        assert_eq!(listed[0].title, "The shell, slowly");
        assert!(listed[0].errors[0].file.contains("zz-copy"), "{:?}", listed[0].errors);
    });
}

#[test]
fn a_picture_beside_a_page_is_served_so_that_it_runs_no_scripts() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let path = format!("/api/v1/labs/{LAB}/files/picture.svg");
        let answer = ada.get(&path).await.expect(200);
        assert_eq!(answer.headers["content-type"], "image/svg+xml");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("sandbox"), "{policy}");
        app.browser().get(&path).await.problem(401, "not_signed_in");
    });
}

/// Sends an address exactly as it stands here; clients would tidy it up first. Gives the status.
async fn status_of(app: &TestApp, cookie: &str, path: &str) -> u16 {
    let address = app.base.strip_prefix("http://").expect("an address");
    let mut socket = TcpStream::connect(address).await.expect("the server listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\ncookie: {cookie}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("the server reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("the server answers with text");
    assert!(!answer.contains("top secret"), "{path} answered {answer}");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line")
}

#[test]
fn no_address_leads_out_of_a_labs_folder() {
    run(async |app| {
        let cookie = app.learner("ada").await.cookie();
        // the kind of file that may be served, in places from which none may
        let secret = app.labs.write("secret.txt", "top secret");
        app.labs.write("second/page.md", "# Another lab\n\n```execute\nls\n```\n");
        app.labs.write("second/other.txt", "top secret");
        let content = app.labs.path().join(LAB).join("workshop/content");
        std::os::unix::fs::symlink(&secret, content.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(app.labs.path(), content.join("up")).unwrap();
        app.labs.write(&format!("{LAB}/workshop/content/.hidden/x.txt"), "top secret");
        app.labs.write(&format!("{LAB}/workshop/setup.d/prepare.txt"), "top secret");
        reload(app);

        let base = format!("/api/v1/labs/{LAB}/files");
        assert_eq!(status_of(app, &cookie, &format!("{base}/picture.svg")).await, 200);
        for path in [
            "../../../secret.txt",
            "%2e%2e/%2e%2e/%2e%2e/secret.txt",
            "..%2f..%2f..%2fsecret.txt",
            "%2e%2e%2f%2e%2e%2f%2e%2e%2fsecret.txt",
            "..%5c..%5c..%5csecret.txt",
            "a/../../../../secret.txt",
            "%252e%252e%252f%252e%252e%252f%252e%252e%252fsecret.txt",
            "link.txt",
            "up/secret.txt",
            "up/second/other.txt",
            "../setup.d/prepare.txt",
            ".hidden/x.txt",
            "picture.svg%00.txt",
            "%00",
            "%ff%fe.txt",
            "01-look-around.md",
            "",
            ".",
        ] {
            let status = status_of(app, &cookie, &format!("{base}/{path}")).await;
            assert!(matches!(status, 400 | 404), "{path} answered {status}");
        }
        let absolute = secret.display();
        assert_eq!(status_of(app, &cookie, &format!("{base}/{absolute}")).await, 404);
        for slug in ["..", "%2e%2e", "..%2fsecond", "Second"] {
            let status = status_of(app, &cookie, &format!("/api/v1/labs/{slug}/files/other.txt")).await;
            assert!(matches!(status, 400 | 404), "{slug} answered {status}");
        }
    });
}

#[test]
fn no_page_name_leads_out_of_a_labs_folder() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let cookie = ada.cookie();
        app.labs.write("secret.md", "top secret");
        for (page, expected) in
            [("..%2f..%2f..%2fsecret", 400), ("%2e%2e", 400), ("no-such-page", 404), ("a%00b", 400)]
        {
            let status = status_of(app, &cookie, &format!("/api/v1/sessions/{session}/pages/{page}")).await;
            assert_eq!(status, expected, "{page}");
        }
    });
}

#[test]
fn why_a_source_cannot_be_fetched_is_told_to_authors_only_and_its_labs_stay() {
    let place = tempfile::tempdir().unwrap();
    let archive = place.path().join("more.tar");
    let source = format!("file://{}", archive.display());
    let setting = Setting { more_labs: Some(source.clone()), ..Setting::default() };
    run_with(setting, async |app| {
        let (ada, author) = (app.learner("ada").await, app.person("author", Role::Author).await);
        let admin = app.person("root", Role::Admin).await;
        app.services.catalog.refresh().await;
        assert_eq!(labs(&ada).await.len(), 1);
        for told in [labs(&author).await, labs(&admin).await] {
            let lab = told.iter().find(|lab| lab.title == source).expect("a card of the source's own");
            assert!(lab.errors[0].message.contains("cannot read"), "{lab:?}");
            let ours = told.iter().find(|lab| lab.slug.as_str() == LAB).expect("the folder's lab");
            assert_eq!(ours.source.as_deref(), app.labs.path().to_str());
        }
        ada.post("/api/v1/sessions", &json!({"lab": labs(&author).await[1].slug}))
            .await
            .problem(422, "broken_lab");

        let mut builder = tar::Builder::new(std::fs::File::create(&archive).unwrap());
        let page = b"# More\n\nHello.\n";
        let mut header = tar::Header::new_gnu();
        header.set_size(page.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, "more/page.md", &page[..]).unwrap();
        builder.finish().unwrap();
        app.services.catalog.refresh().await;
        std::fs::write(&archive, "no archive").unwrap();
        app.services.catalog.refresh().await;
        let seen = labs(&ada).await;
        let more = seen.iter().find(|lab| lab.title == "More").expect("the last good version");
        assert!(more.errors.is_empty() && more.source.is_none(), "{more:?}");
        let told = labs(&author).await;
        let more = told.iter().find(|lab| lab.title == "More").expect("the last good version");
        assert_eq!(more.source.as_deref(), Some(source.as_str()));
        assert!(more.errors[0].message.contains("is no tar archive"), "{more:?}");
    });
}
