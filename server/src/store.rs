//! All SQL, with one file per resource. Functions take a connection, so that services own the transactions.
//!
//! The compiler checks each query against what a database with all migrations said about it, which is kept in
//! `server/.sqlx`. Rows become domain and wire types by `From` and `TryFrom`; a row that makes no sense is
//! [`StoreError::Inconsistent`]. Any function may fail with [`StoreError::Statement`]; "Errors" names what else callers
//! can tell apart.

pub mod announcements;
pub mod attempts;
pub mod audit;
pub mod classes;
pub mod devices;
pub mod identity;
pub mod logins;
pub mod previews;
pub mod privacy;
pub mod progress;
pub mod roles;
pub mod sessions;
pub mod users;

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use std::fmt::Display;
use std::time::Duration;

/// The migrations that this program contains.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// Timeout for opening a connection, and for waiting until one of the pool is free.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database URL is not valid; it should read postgres://user:password@host/database")]
    BadUrl(#[source] sqlx::Error),
    #[error(
        "could not connect to the database at {place}; check that Postgres runs there and that the URL's user may connect"
    )]
    Unreachable {
        /// Host or socket folder, without the password.
        place: String,
        #[source]
        source: sqlx::Error,
    },
    #[error(
        "the database was migrated by a newer Lectern (migration {version} is unknown here); run that version, or restore an older database"
    )]
    NewerSchema {
        /// The first unknown migration.
        version: i64,
    },
    /// The schema is older than this Lectern, and the role may not migrate it.
    #[error(
        "the database lacks migration {version}, and the role of DATABASE_URL may not migrate it; run `lectern migrate` as its owner, or name the owner with --migrate-database-url"
    )]
    OlderSchema {
        /// The first missing migration.
        version: i64,
    },
    #[error("could not migrate the database")]
    Migrate(#[source] MigrateError),
    #[error("a database statement failed")]
    Statement(#[source] sqlx::Error),
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
}

/// A row that contradicts itself, or that holds a value which this Lectern does not know. The value itself is left out:
/// it may be private.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the row {id} of the table {table} contradicts itself in the column {column}")]
pub struct Inconsistent {
    pub table: &'static str,
    pub column: &'static str,
    pub id: String,
}

impl Inconsistent {
    fn new(table: &'static str, column: &'static str, id: impl Display) -> Self {
        Self { table, column, id: id.to_string() }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let inconsistent = match &error {
            sqlx::Error::Decode(cause) => cause.downcast_ref::<Inconsistent>().cloned(),
            _ => None,
        };
        inconsistent.map_or(Self::Statement(error), Self::Inconsistent)
    }
}

impl StoreError {
    /// Returns whether trying again later may help, because the database is unreachable or overloaded.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Statement(error) => {
                matches!(
                    error,
                    sqlx::Error::Io(_)
                        | sqlx::Error::PoolTimedOut
                        | sqlx::Error::PoolClosed
                        | sqlx::Error::Tls(_)
                ) || matches!(error, sqlx::Error::Database(db)
                // class 53: out of resources, 57P: starting or shutting down, 08: connection lost
                if db.code().is_some_and(|c| c.starts_with("53") || c.starts_with("57P") || c.starts_with("08")))
            }
            _ => false,
        }
    }

    /// Returns the name of the unique index or constraint that refused the statement, if one did.
    #[must_use]
    pub fn violated_constraint(&self) -> Option<&str> {
        match self {
            Self::Statement(sqlx::Error::Database(db)) => db.constraint(),
            _ => None,
        }
    }
}

/// Connects to the database at `url`.
///
/// # Errors
/// [`StoreError::BadUrl`] if `url` is not a Postgres URL, [`StoreError::Unreachable`] if nothing answers there.
pub async fn connect(url: &str) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(StoreError::BadUrl)?;
    let place = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let unreachable = |source| StoreError::Unreachable { place: place.clone(), source };
    // a pool retries until its timeout and then reports only that; a single connection reports the cause
    let first = tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&options)).await;
    let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(unreachable)?;
    first.close().await.map_err(unreachable)?;
    PgPoolOptions::new()
        .max_connections(20)
        .acquire_timeout(CONNECT_TIMEOUT)
        .connect_with(options)
        .await
        .map_err(unreachable)
}

/// Brings the schema up to date if the pool's role may do so; otherwise checks that it is up to date.
///
/// # Errors
/// The errors of [`migrate`] or [`roles::check_schema`].
pub async fn prepare(pool: &PgPool) -> Result<(), StoreError> {
    let rights = roles::find_rights(&mut *pool.acquire().await?).await?;
    if rights.may_migrate { migrate(pool).await } else { roles::check_schema(pool).await }
}

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::NewerSchema`] if a newer Lectern migrated it, [`StoreError::Migrate`] if a migration fails.
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    // a failed migration leaves the advisory lock with its connection, so this one does not return to the pool
    let mut conn = pool.acquire().await?.detach();
    let migrated = MIGRATIONS.run(&mut conn).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            StoreError::NewerSchema { version }
        }
        other => StoreError::Migrate(other),
    });
    // closing fails if the server is gone, which releases the lock too
    let _ = conn.close().await;
    migrated
}

/// Returns whether the database answers.
pub async fn answers(pool: &PgPool) -> bool {
    sqlx::query_scalar!("select 1 as one").fetch_one(pool).await.is_ok()
}
