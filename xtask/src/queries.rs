//! `cargo xtask sqlx`: what the database says about each of the server's queries, in `server/.sqlx`.
//!
//! The query macros write it when they are compiled beside a database, so a private Postgres is started for that, with
//! the migrations applied, and stopped again. `cargo xtask lint` does the same and compares.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use lectern_testbed::External;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

use crate::context::Context;
use crate::packages::{self, Needs};
use crate::state::State;
use crate::step::Step;
use crate::steps::Steps;

/// Where the query macros look.
const DESCRIPTIONS: &str = "server/.sqlx";
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the descriptions anew.
pub fn run(context: &Context) -> Result<bool> {
    let mut steps = Steps::new(context, "sqlx")?;
    let advice = "correct the query or the migration that the lines above name";
    steps.check("Describing the server's queries", advice, |state, step| {
        let described = describe(context, step)?;
        let folder = context.checkout.join(DESCRIPTIONS);
        fs::remove_dir_all(&folder).with_context(|| format!("could not empty {}", folder.display()))?;
        fs::create_dir(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        for (name, text) in described {
            fs::write(folder.join(name), text)?;
        }
        state.tally.passed += 1;
        Ok(())
    });
    let mut state = State::default();
    steps.run(&mut state)?;
    Ok(state.tally.failed == 0)
}

/// Fails unless the descriptions are those that the database gives.
pub fn check(context: &Context, step: &Step) -> Result<()> {
    let (described, kept) = (describe(context, step)?, read(&context.checkout.join(DESCRIPTIONS))?);
    let names: std::collections::BTreeSet<_> = described.keys().chain(kept.keys()).collect();
    let differing = names.into_iter().filter(|name| described.get(*name) != kept.get(*name)).count();
    ensure!(
        differing == 0,
        "{differing} of the files in {DESCRIPTIONS} are missing, left over or out of date"
    );
    Ok(())
}

/// Compiles the server beside a database. Returns the files that its queries' macros wrote, by name.
fn describe(context: &Context, step: &Step) -> Result<BTreeMap<String, String>> {
    let needs = Needs { postgres: true, kubernetes: false, browser: false };
    packages::install(context, step, needs, &External { postgres: false, kubernetes: true })?;
    let database = Database::start(context, step)?;
    // of a new name each time, so that every query is expanded again
    let written = tempfile::Builder::new().prefix("lectern-queries-").tempdir()?;
    let mut check = context.cargo("check --package lectern-server --lib");
    check
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", written.path())
        .env("DATABASE_URL", database.url());
    step.run(check)?;
    read(written.path())
}

fn read(folder: &Path) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        files.insert(name, fs::read_to_string(&path)?);
    }
    Ok(files)
}

/// A Postgres of its own with the migrations applied, on a socket. Dropping it stops it and removes its data.
struct Database {
    folder: TempDir,
    server: Child,
}

impl Database {
    fn start(context: &Context, step: &Step) -> Result<Self> {
        let programs = programs()?;
        let folder = tempfile::Builder::new().prefix("lectern-sqlx-").tempdir_in("/tmp")?;
        if geteuid().is_root() {
            // Postgres refuses to run as root
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
            let mut chown = context.command("chown postgres");
            chown.arg(folder.path());
            step.run(chown)?;
        }
        let data = folder.path().join("data");
        let mut initdb = unprivileged(&programs.join("initdb"));
        initdb.args(["--auth=trust", "--username=postgres", "--no-sync", "--encoding=UTF8", "--pgdata"]);
        initdb.arg(&data).current_dir("/");
        step.run(initdb)?;
        let mut postgres = unprivileged(&programs.join("postgres"));
        postgres.arg("-D").arg(&data).arg("-k").arg(folder.path()).args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]);
        postgres.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null());
        let server = postgres.spawn().context("could not start postgres")?;
        let mut database = Self { folder, server };
        database.wait(context)?;
        for migration in migrations(&context.checkout)? {
            let mut apply = database.psql(context);
            apply.args(["--single-transaction", "--file"]).arg(migration);
            step.run(apply)?;
        }
        Ok(database)
    }

    fn wait(&mut self, context: &Context) -> Result<()> {
        let started = Instant::now();
        loop {
            let mut question = self.psql(context);
            question.args(["--command", "select 1"]).stdout(Stdio::null()).stderr(Stdio::null());
            if question.status().context("could not run psql")?.success() {
                return Ok(());
            }
            if let Some(status) = self.server.try_wait()? {
                bail!("postgres ended with {status} before it answered");
            }
            ensure!(started.elapsed() < STARTS_WITHIN, "postgres does not answer");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn psql(&self, context: &Context) -> Command {
        let mut psql = context.command(
            "psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres --host",
        );
        psql.arg(self.folder.path());
        psql
    }

    fn url(&self) -> String {
        format!("postgres://postgres@localhost/postgres?host={}", self.folder.path().display())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // a fast shutdown; a server that has ended already is what is wanted
        if let Ok(pid) = i32::try_from(self.server.id()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
        let _ = self.server.wait();
    }
}

/// Returns a command that runs as Debian's user for Postgres if this is root. It stays one process, which takes signals.
fn unprivileged(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

/// Returns the folder with the programs of the newest Postgres that Debian installed.
fn programs() -> Result<PathBuf> {
    let root = Path::new("/usr/lib/postgresql");
    let versions = fs::read_dir(root).with_context(|| format!("could not read {}", root.display()))?;
    let number = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.flatten().map(|entry| entry.path()).max_by_key(number);
    Ok(newest.context("no version of Postgres is installed")?.join("bin"))
}

/// Lists the migrations in their order.
fn migrations(checkout: &Path) -> Result<Vec<PathBuf>> {
    let folder = checkout.join("migrations");
    let mut files: Vec<_> = fs::read_dir(&folder)?.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    Ok(files)
}
