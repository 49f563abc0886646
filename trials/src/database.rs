//! A database of the trial's own, so that it neither meets nor leaves rows of anybody else.

use std::time::Duration;

use anyhow::{Context, Result};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _};
use url::Url;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// One trial's database.
#[derive(Clone, Debug)]
pub struct Database {
    server: Url,
    name: String,
}

impl Database {
    /// Makes an empty one.
    pub async fn create(server: &Url) -> Result<Self> {
        let name = format!("lectern_trial_{:08x}", rand::random::<u32>());
        let database = Self { server: server.clone(), name };
        let mut conn = connect(server).await?;
        sqlx::query(AssertSqlSafe(format!("create database {}", database.name)))
            .execute(&mut conn)
            .await
            .context("the user of DATABASE_URL may not make databases")?;
        Ok(database)
    }

    /// Its address.
    pub fn url(&self) -> Url {
        let mut url = self.server.clone();
        url.set_path(&self.name);
        url
    }

    /// A new connection to it.
    pub async fn connect(&self) -> Result<PgConnection> {
        connect(&self.url()).await
    }

    /// Removes it, also from under those who still use it.
    pub async fn remove(&self) -> Result<()> {
        let mut conn = connect(&self.server).await?;
        let statement = AssertSqlSafe(format!("drop database if exists {} with (force)", self.name));
        sqlx::query(statement)
            .execute(&mut conn)
            .await
            .context("the trial's database could not be removed")?;
        Ok(())
    }
}

async fn connect(url: &Url) -> Result<PgConnection> {
    tokio::time::timeout(ANSWER_WITHIN, PgConnection::connect(url.as_str()))
        .await
        .context("Postgres does not answer")?
        .context("Postgres cannot be reached")
}
