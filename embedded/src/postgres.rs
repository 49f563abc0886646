//! Postgres as a part: created at the first start, and reached through a Unix socket that only root can open.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::data_dir::layout::Layout;
use crate::data_dir::status::Board;
use crate::error::Error;
use crate::files;
use crate::host::machine;
use crate::host::probe::Probe;
use crate::process::command::Helper;
use crate::process::supervise::{Part, PartSpec};
use crate::progress::Progress;

/// The unprivileged user that Debian's package creates.
pub(crate) const USER: &str = "postgres";
/// The name of the database and of the role that owns it.
const ROLE: &str = "lectern";
/// The server's role: it owns nothing and has the rights that the owner grants it.
const SERVER_ROLE: &str = "lectern_app";
const OLDEST_VERSION: u32 = 15;
const PORT: u16 = 5432;

/// Returns the folder with the programs of the right major version: the one that created the data, or the newest.
pub(crate) fn find_programs(layout: &Layout) -> Result<PathBuf, Error> {
    find_programs_below(Path::new("/usr/lib/postgresql"), &layout.postgres_data())
}

fn find_programs_below(root: &Path, data: &Path) -> Result<PathBuf, Error> {
    let programs = |version: &str| root.join(version).join("bin");
    if let Ok(found) = fs::read_to_string(data.join("PG_VERSION")) {
        let found = found.trim().to_owned();
        let folder = programs(&found);
        let present = folder.join("postgres").is_file();
        return present.then_some(folder).ok_or(Error::PostgresVersion { folder: data.to_owned(), found });
    }
    let versions = fs::read_dir(root).into_iter().flatten().flatten();
    versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|version| {
            *version >= OLDEST_VERSION && programs(&version.to_string()).join("initdb").is_file()
        })
        .max()
        .map(|version| programs(&version.to_string()))
        .ok_or_else(|| Error::ProgramMissing {
            program: format!("PostgreSQL {OLDEST_VERSION} or later"),
            package: "postgresql",
        })
}

/// Returns the address that sqlx and libpq understand, for the role that owns the database.
pub(crate) fn database_url(layout: &Layout) -> String {
    address_for(layout, ROLE)
}

/// Returns the same address for the server's role.
pub(crate) fn server_database_url(layout: &Layout) -> String {
    address_for(layout, SERVER_ROLE)
}

fn address_for(layout: &Layout, role: &str) -> String {
    format!("postgres:///{ROLE}?host={}&port={PORT}&user={role}", layout.postgres_socket().display())
}

/// Starts Postgres, with a database and two roles: its owner's and the server's.
pub(crate) async fn start(layout: &Layout, board: &Board, progress: &Progress) -> Result<Part, Error> {
    let programs = find_programs(layout)?;
    let owner = machine::user(USER)?;
    own_folder(&layout.postgres(), owner, 0o700)?;
    own_folder(&layout.postgres_socket(), owner, 0o700)?;
    let data = layout.postgres_data();
    if !data.join("PG_VERSION").exists() {
        progress.step("new database", initialise(&programs, &data, owner)).await?;
    }
    let part = progress.step("postgres", Part::start(spec(&programs, layout, owner), layout, board)).await?;
    match create_role(&programs, layout, owner).await {
        Ok(()) => Ok(part),
        Err(error) => {
            part.stop().await;
            Err(error)
        }
    }
}

fn own_folder(folder: &Path, owner: Option<(u32, u32)>, mode: u32) -> Result<(), Error> {
    files::create_private_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode)).map_err(Error::file("open up", folder))?;
    let (uid, gid) = owner.unzip();
    chown(folder, uid, gid).map_err(Error::file("change the owner of", folder))
}

/// Creates the database beside its final place and moves it there, so that a failed attempt is not taken for one.
async fn initialise(programs: &Path, data: &Path, owner: Option<(u32, u32)>) -> Result<(), Error> {
    let draft = data.with_extension("new");
    files::remove_tree(&draft)?;
    Helper::new(programs.join("initdb"))
        .arg("-D")
        .arg(&draft)
        .args(["-U", USER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8", "--locale=C.UTF-8"])
        .user(owner)
        .run()
        .await?;
    fs::rename(&draft, data).map_err(Error::file("create", data))
}

fn spec(programs: &Path, layout: &Layout, owner: Option<(u32, u32)>) -> PartSpec {
    let socket = layout.postgres_socket();
    let mut spec = PartSpec::new(
        "postgres",
        programs.join("postgres"),
        Probe::Unix(socket.join(format!(".s.PGSQL.{PORT}"))),
    );
    spec.user = owner;
    spec.stop_signal = Signal::SIGINT;
    spec.stop_limit = Duration::from_secs(8);
    spec = spec.arg("-D").arg(layout.postgres_data());
    for setting in [
        "listen_addresses=".to_owned(),
        format!("port={PORT}"),
        format!("unix_socket_directories={}", socket.display()),
        "fsync=on".to_owned(),
        "shared_buffers=64MB".to_owned(),
        "work_mem=4MB".to_owned(),
        "maintenance_work_mem=32MB".to_owned(),
        "max_connections=100".to_owned(),
        "max_wal_size=256MB".to_owned(),
        "huge_pages=off".to_owned(),
        "jit=off".to_owned(),
        "log_destination=stderr".to_owned(),
        "logging_collector=off".to_owned(),
        "cluster_name=lectern".to_owned(),
    ] {
        spec = spec.arg("-c").arg(setting);
    }
    spec
}

/// Creates the roles and the database unless they exist. The socket appears before the database accepts commands, so
/// failures are retried for a while.
async fn create_role(programs: &Path, layout: &Layout, owner: Option<(u32, u32)>) -> Result<(), Error> {
    let statements = format!(
        "SELECT 'CREATE ROLE {ROLE} LOGIN CREATEDB' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{ROLE}') \\gexec\n\
         SELECT 'CREATE ROLE {SERVER_ROLE} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SERVER_ROLE}') \\gexec\n\
         SELECT 'CREATE DATABASE {ROLE} OWNER {ROLE}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{ROLE}') \\gexec\n"
    );
    let mut attempts = 0;
    loop {
        let run = Helper::new(programs.join("psql"))
            .arg("-h")
            .arg(layout.postgres_socket())
            .args([
                "-p",
                &PORT.to_string(),
                "-U",
                USER,
                "-d",
                "postgres",
                "-X",
                "-q",
                "-v",
                "ON_ERROR_STOP=1",
            ])
            .user(owner)
            .input(statements.clone())
            .run()
            .await;
        match run {
            Err(Error::Command { .. }) if attempts < 100 => attempts += 1,
            other => return other.map(drop),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine_with(versions: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("folder");
        for version in versions {
            let bin = root.path().join(version).join("bin");
            fs::create_dir_all(&bin).expect("bin");
            for program in ["initdb", "postgres"] {
                fs::write(bin.join(program), "").expect("program");
            }
        }
        root
    }

    #[test]
    fn a_new_database_is_made_by_the_newest_version() {
        let root = machine_with(&["9", "15", "17"]);
        let found = find_programs_below(root.path(), Path::new("/nonexistent")).expect("programs");
        assert_eq!(found, root.path().join("17/bin"));
    }

    #[test]
    fn a_database_keeps_the_version_that_made_it_and_says_which_is_missing() {
        let root = machine_with(&["15", "17"]);
        let data = tempfile::tempdir().expect("folder");
        fs::write(data.path().join("PG_VERSION"), "15\n").expect("version");
        assert_eq!(
            find_programs_below(root.path(), data.path()).expect("programs"),
            root.path().join("15/bin")
        );
        fs::write(data.path().join("PG_VERSION"), "16\n").expect("version");
        let error = find_programs_below(root.path(), data.path()).expect_err("no 16");
        assert!(error.to_string().contains("postgresql-16"), "{error}");
    }

    #[test]
    fn a_machine_with_only_an_old_version_counts_as_having_none() {
        let root = machine_with(&["13"]);
        assert!(matches!(
            find_programs_below(root.path(), Path::new("/nonexistent")),
            Err(Error::ProgramMissing { .. })
        ));
    }
}
