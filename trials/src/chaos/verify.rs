//! Looking for what was lost, doubled or left behind: in Postgres and in the cluster, not through the server.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use sqlx::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::desk::Desk;
use crate::stage::Stage;

/// How long the sweep may take.
const SWEPT_WITHIN: Duration = Duration::from_secs(180);
const POLL_EVERY: Duration = Duration::from_secs(1);

/// What Postgres holds of the events that were sent.
#[derive(Clone, Debug, Default)]
pub struct Events {
    pub sent: usize,
    pub found: usize,
    pub lost: usize,
    /// Rows that nobody sent, or that stand for one event twice.
    pub doubled: usize,
    /// Learners of whom a page's actions do not follow from the events.
    pub wrong_pages: usize,
}

/// Compares what a learner sent with what is there.
pub async fn count_events(conn: &mut PgConnection, desk: &Desk, events: &mut Events) -> Result<()> {
    let sent = desk.statement().events;
    let found: Vec<Uuid> = sqlx::query_scalar(
        "select id from progress_events where session_id = $1 and kind in ('action_run', 'page_viewed')",
    )
    .bind(desk.session.id.0)
    .fetch_all(&mut *conn)
    .await?;
    let wanted: BTreeSet<Uuid> = sent.iter().map(|id| id.0).collect();
    let there: BTreeSet<Uuid> = found.iter().copied().collect();
    events.sent += wanted.len();
    events.found += found.len();
    events.lost += wanted.difference(&there).count();
    events.doubled += there.difference(&wanted).count() + found.len() - there.len();
    let consistent: bool = sqlx::query_scalar(
        "select coalesce((select array_agg(a order by a) from page_progress p, unnest(p.actions_run) a
                          where p.session_id = $1), '{}')
              = coalesce((select array_agg(distinct (detail->>'action')::int order by (detail->>'action')::int)
                          from progress_events where session_id = $1 and kind = 'action_run'), '{}')",
    )
    .bind(desk.session.id.0)
    .fetch_one(&mut *conn)
    .await?;
    events.wrong_pages += usize::from(!consistent);
    Ok(())
}

/// What is left when no session should have anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leftovers {
    pub namespaces: Vec<String>,
    pub pods: Vec<String>,
    pub policies: Vec<String>,
    /// Claims on the volumes of homes, and the volumes.
    pub homes: Vec<String>,
    /// Rows of sessions that are neither over nor in reserve.
    pub rows: Vec<String>,
}

impl Leftovers {
    /// All of them, by name.
    pub fn names(&self) -> Vec<String> {
        let all = [&self.namespaces, &self.pods, &self.policies, &self.homes, &self.rows];
        all.into_iter().flatten().cloned().collect()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.namespaces.len() + self.pods.len() + self.policies.len() + self.homes.len() + self.rows.len()
    }
}

/// Waits until nothing is left, or the sweep had time enough.
pub async fn wait_for_sweep(stage: &Stage) -> Result<(Leftovers, Duration)> {
    let began = Instant::now();
    loop {
        let left = find_leftovers(stage).await?;
        if left.count() == 0 || began.elapsed() > SWEPT_WITHIN {
            return Ok((left, began.elapsed()));
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

async fn find_leftovers(stage: &Stage) -> Result<Leftovers> {
    let workbenches = stage.server.namespace();
    let instance = format!("lectern.dev/instance={workbenches},lectern.dev/session");
    let mut conn = stage.database.connect().await?;
    // what is kept ready belongs to nobody, and is no orphan
    let ready: Vec<String> = sqlx::query_scalar(
        "select unnest(array[namespace, workbench]) from sessions where phase = 'reserved'",
    )
    .fetch_all(&mut conn)
    .await?;
    let list = async |kind: &str, place: &[&str]| -> Result<Vec<String>> {
        let mut arguments = vec!["get", kind, "-l", &instance, "-o", "jsonpath={.items[*].metadata.name}"];
        arguments.extend(place);
        let names = stage.kubectl.run(&arguments).await?;
        let names = names.split_whitespace().map(str::to_owned);
        Ok(names.filter(|name| !ready.contains(name)).collect())
    };
    let ours = format!("{{.items[?(@.spec.claimRef.namespace==\"{workbenches}\")].spec.claimRef.name}}");
    let volumes = stage.kubectl.run(&["get", "persistentvolumes", "-o", &format!("jsonpath={ours}")]).await?;
    let volumes = volumes.split_whitespace().map(str::to_owned).filter(|claim| !ready.contains(claim));
    let claims = list("persistentvolumeclaims", &["-n", workbenches]).await?;
    Ok(Leftovers {
        homes: claims.into_iter().chain(volumes).collect(),
        namespaces: list("namespaces", &[]).await?,
        pods: list("pods", &["-n", workbenches]).await?,
        policies: list("networkpolicies", &["-n", workbenches]).await?,
        rows: sqlx::query_scalar(
            "select id::text || ' ' || phase from sessions where phase not in ('ended', 'failed', 'reserved')",
        )
        .fetch_all(&mut conn)
        .await?,
    })
}
