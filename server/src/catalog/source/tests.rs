use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Source {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str) -> String {
    match text.parse::<Source>() {
        Ok(source) => panic!("{text} was taken for {source:?}"),
        Err(error) => error.to_string(),
    }
}

fn git(text: &str) -> GitSource {
    match parsed(text) {
        Source::Git(git) => git,
        other => panic!("{text} was taken for {other:?}"),
    }
}

#[test]
fn a_path_is_a_folder_whatever_it_holds() {
    for path in ["labs", "/srv/labs", "./a b", "/srv/c#", "C", "../x:y"] {
        assert_eq!(parsed(path), Source::Folder(path.into()), "{path}");
    }
    assert_eq!(parsed("file:///srv/my%20labs#two"), Source::Folder("/srv/my labs/two".into()));
}

#[test]
fn a_repository_has_a_reference_and_a_folder_or_neither() {
    let whole = git("git+https://git.example/labs.git");
    assert_eq!((whole.url.as_str(), &whole.reference), ("https://git.example/labs.git", &GitRef::Head));
    assert!(whole.folder.is_whole());
    let tag = git("git+ssh://git@git.example/labs#v1.2");
    assert_eq!(
        (tag.url.as_str(), tag.reference),
        ("ssh://git@git.example/labs", GitRef::Name("v1.2".into()))
    );
    let folder = git("git+file:///srv/labs.git#:workshops/one/");
    assert_eq!((folder.reference, folder.folder.as_str()), (GitRef::Head, "workshops/one"));
    let both = git("git+http://git.example/labs#release/1:./x//y");
    assert_eq!((both.reference, both.folder.as_str()), (GitRef::Name("release/1".into()), "x/y"));
    let commit = "0123456789abcdef0123456789ABCDEF01234567";
    assert_eq!(
        git(&format!("git+https://git.example/x#{commit}")).reference,
        GitRef::Commit(commit.to_lowercase())
    );
}

#[test]
fn an_archive_is_known_by_its_name_or_by_being_called_one() {
    for (text, folder) in [
        ("https://example.org/labs.tar.gz", ""),
        ("http://example.org/labs.TGZ?x=1#a/b", "a/b"),
        ("file:///srv/labs.tar#:a", "a"),
        ("tar+https://example.org/download/7#a", "a"),
    ] {
        match parsed(text) {
            Source::Tar(tar) => assert_eq!(tar.folder.as_str(), folder, "{text}"),
            other => panic!("{text} was taken for {other:?}"),
        }
    }
}

#[test]
fn an_artefact_names_its_registry() {
    for (text, whole, plain) in [
        ("oci://ghcr.io/acme/labs:v1", "ghcr.io/acme/labs:v1", false),
        ("oci+http://localhost:5000/labs", "localhost:5000/labs:latest", true),
    ] {
        match parsed(text) {
            Source::Oci(oci) => {
                assert_eq!((oci.reference.whole().as_str(), oci.plain_http), (whole, plain), "{text}");
            }
            other => panic!("{text} was taken for {other:?}"),
        }
    }
    let digest = format!("oci://ghcr.io/acme/labs@sha256:{}#sub", "0".repeat(64));
    assert_eq!(parsed(&digest).labs_in("/x".as_ref()), PathBuf::from("/x/sub"));
    assert!(refused("oci://acme/labs:v1").contains("registry"));
    assert!(refused("oci://ghcr.io").contains("oci://registry/repository:tag"));
}

#[test]
fn what_is_wrong_is_named_with_what_would_be_right() {
    for (text, words) in [
        ("", "write a folder"),
        ("ftp://host/labs.tar", "write a folder, git+https://host/repository"),
        ("ext::sh -c x://y", "write a folder"),
        ("git+ext://host/x", "write a folder"),
        ("https://github.com/acme/labs", "git+https://github.com/acme/labs"),
        ("git@github.com:acme/labs.git", "git+ssh://user@host/path"),
        ("git+https://", "address"),
        ("git+file://host/labs.git", "file:///path"),
        ("git+ssh://-oProxyCommand=x/labs", "dash"),
        ("git+ssh://-x@host/labs", "dash"),
        ("git+https://host/x#--upload-pack=touch", "dash"),
        ("git+https://host/x#main:../y", "upwards"),
        ("git+https://host/x#main:/etc", "relative"),
        ("git+https://host/x#main:.git", ".git"),
        ("git+https://host/x#a..b", "dot"),
        ("git+https://host/x#a*", "letters"),
        ("https://host/x.tar#--x", "dash"),
    ] {
        let message = refused(text);
        assert!(message.contains(words), "{text}: {message}");
    }
}

#[test]
fn credentials_are_kept_and_never_shown() {
    for text in [
        "git+https://ada:s%40cret@host.example/labs#main",
        "https://ada:s%40cret@host.example/labs.tar.gz",
        "oci://ada:s%40cret@host.example/labs:v1",
    ] {
        let source = parsed(text);
        let login = match &source {
            Source::Git(git) => &git.login,
            Source::Tar(tar) => &tar.login,
            Source::Oci(oci) => &oci.login,
            Source::Folder(_) => panic!("{text} is no folder"),
        };
        assert_eq!(login, &Some(Login { user: "ada".into(), password: "s@cret".into() }), "{text}");
        assert!(!format!("{source} {source:?}").contains("cret"), "{source:?}");
    }
    for text in ["git+https://ada:secret@host/x#a..b", "https://ada:secret@host/x", "x://ada:secret@host"] {
        assert!(!refused(text).contains("secret"), "{text}");
    }
}

#[test]
fn a_list_may_be_empty_and_is_split_at_white_space() {
    assert_eq!("  \n".parse::<SourceList>().unwrap(), SourceList::default());
    let list: SourceList = "/a\n oci://ghcr.io/x/y:1  ".parse().unwrap();
    assert_eq!(list.0, [parsed("/a"), parsed("oci://ghcr.io/x/y:1")]);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_without_a_panic(text in ".{0,80}") {
        let _ = text.parse::<Source>();
    }

    #[test]
    fn what_is_shown_means_the_same(
        scheme in "git\\+https|git\\+http|git\\+ssh|tar\\+https|tar\\+http|https|oci|oci\\+http",
        host in "[a-z]{1,8}\\.example(:[1-9][0-9]{0,3})?",
        path in "(/[a-z0-9._-]{1,8}){1,3}",
        ending in "\\.tar|\\.tar\\.gz|\\.tgz|",
        fragment in "(#[a-zA-Z0-9._/-]{0,12}(:[a-zA-Z0-9._/-]{0,12})?)?",
    ) {
        if let Ok(source) = format!("{scheme}://{host}{path}{ending}{fragment}").parse::<Source>() {
            let shown = source.to_string();
            prop_assert_eq!(shown.parse::<Source>().map_err(|error| error.to_string()), Ok(source), "{}", shown);
        }
    }

    #[test]
    fn no_reference_or_folder_can_be_taken_for_an_option_or_lead_out(fragment in ".{0,40}") {
        let text = format!("git+https://host/x#{fragment}");
        if let Ok(Source::Git(git)) = text.parse::<Source>() {
            let reference = git.reference.to_string();
            prop_assert!(!reference.starts_with('-') && !reference.contains(['*', ' ', ':', '\0']));
            let folder = git.folder.as_str();
            prop_assert!(!folder.starts_with(['/', '-']));
            prop_assert!(folder.split('/').all(|part| part != ".." && part != ".git" && !part.starts_with('-')));
        }
    }
}
