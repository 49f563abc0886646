//! All SQL. One file per resource; functions take a connection, so that services own the transactions.

pub mod attempts;
pub mod audit;
pub mod classes;
pub mod devices;
pub mod identity;
pub mod logins;
pub mod privacy;
pub mod progress;
pub mod roles;
pub mod sessions;
pub mod users;

use sqlx::Connection as _;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgListener, PgPool, PgPoolOptions};
use std::time::Duration;

/// The migrations that this program was built with.
pub static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// The channel on which changes to sessions are announced; the payload is `<session id> <user id>`.
pub const SESSION_CHANGES: &str = "lectern_session_changes";

/// The channel on which changes to who is in a class are announced; the payload is the class's id.
pub const ENROLMENT_CHANGES: &str = "lectern_enrolment_changes";

/// How long a connection may take to be made, or to become free.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Why the database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not a database URL.
    #[error("the database URL is not valid; it should read postgres://user:password@host/database")]
    BadUrl(#[source] sqlx::Error),
    /// It cannot be reached at start.
    #[error(
        "could not connect to the database at {place}; check that Postgres runs there and that the URL's user may connect"
    )]
    Unreachable {
        /// Host or socket folder, without the password.
        place: String,
        /// The cause.
        #[source]
        source: sqlx::Error,
    },
    /// Its schema was made by a newer Lectern.
    #[error(
        "the database was migrated by a newer Lectern (migration {version} is unknown here); run that version, or restore an older database"
    )]
    NewerSchema {
        /// The first migration that is not known.
        version: i64,
    },
    /// Its schema is older than this Lectern, and its role may not change it.
    #[error(
        "the database lacks migration {version}, and the role of DATABASE_URL may not migrate it; run `lectern migrate` as its owner, or name the owner with --migrate-database-url"
    )]
    OlderSchema {
        /// The first migration that is missing.
        version: i64,
    },
    /// A migration failed.
    #[error("could not migrate the database")]
    Migrate(#[source] MigrateError),
    /// A statement failed.
    #[error("a database statement failed")]
    Statement(#[from] sqlx::Error),
}

impl StoreError {
    /// Whether trying again later may help, because the database is away or full.
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
                // class 53: no resources, 57P: being shut down or started, 08: connection
                if db.code().is_some_and(|c| c.starts_with("53") || c.starts_with("57P") || c.starts_with("08")))
            }
            _ => false,
        }
    }

    /// The name of the unique index or constraint that refused the statement, if one did.
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
/// [`StoreError::BadUrl`], [`StoreError::Unreachable`].
pub async fn connect(url: &str) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(StoreError::BadUrl)?;
    let place = match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let unreachable = |source| StoreError::Unreachable { place: place.clone(), source };
    // a pool tries again until its time is up and then says only that; a single connection says what is wrong
    let first = tokio::time::timeout(CONNECT_WITHIN, PgConnection::connect_with(&options)).await;
    let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(unreachable)?;
    first.close().await.map_err(unreachable)?;
    PgPoolOptions::new()
        .max_connections(20)
        .acquire_timeout(CONNECT_WITHIN)
        .connect_with(options)
        .await
        .map_err(unreachable)
}

/// Brings the schema up to date if the pool's role may; else checks that it is.
///
/// # Errors
/// As [`migrate`] and [`roles::check_schema`].
pub async fn prepare(pool: &PgPool) -> Result<(), StoreError> {
    let rights = roles::find_rights(&mut *pool.acquire().await?).await?;
    if rights.may_migrate { migrate(pool).await } else { roles::check_schema(pool).await }
}

/// Brings the schema up to date.
///
/// # Errors
/// [`StoreError::NewerSchema`] where a newer Lectern was here, [`StoreError::Migrate`].
pub async fn migrate(pool: &PgPool) -> Result<(), StoreError> {
    // a migration that fails leaves the migrations' advisory lock with its connection, so this one is not given back
    let mut conn = pool.acquire().await?.detach();
    let migrated = MIGRATIONS.run(&mut conn).await.map_err(|error| match error {
        MigrateError::VersionMissing(version) | MigrateError::VersionTooNew(version, _) => {
            StoreError::NewerSchema { version }
        }
        other => StoreError::Migrate(other),
    });
    // closing fails where the server went away, which gives the lock up too
    let _ = conn.close().await;
    migrated
}

/// Whether the database answers now.
pub async fn answers(pool: &PgPool) -> bool {
    sqlx::query("select 1").execute(pool).await.is_ok()
}

/// Listens for [`SESSION_CHANGES`] and [`ENROLMENT_CHANGES`].
///
/// # Errors
/// [`StoreError::Statement`].
pub async fn listen_for_changes(pool: &PgPool) -> Result<PgListener, StoreError> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen_all([SESSION_CHANGES, ENROLMENT_CHANGES]).await?;
    Ok(listener)
}
