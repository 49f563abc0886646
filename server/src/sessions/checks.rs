//! Running checks. What counts comes from the server alone: the script and its helpers from the lab, the arguments from
//! the lab's pages, the credentials from the cluster; and it runs where no process of the learner's is.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::actions::{Action, ActionBlock};
use lectern_api::agent::{Reply, Request, run_workshop};
use lectern_api::ids::{CheckName, PageName, SessionId, UserId};
use lectern_api::page::PageLink;
use lectern_api::sessions::{CheckOutcome, RunCheck};
use lectern_content::{Lab, RenderOptions, Variables};
use lectern_link::{Link, LinkError};
use uuid::Uuid;

use super::environment::{Values, page_values, shell_environment};
use super::provision::{ProvisionError, packed};
use super::spec::names;
use super::{CheckRefusal, SessionError, Workbenches};
use crate::config::previews::PreviewSite;
use crate::store::progress::{ACTIONS_PER_PAGE, CheckRun};
use crate::store::sessions::SessionRow;
use crate::store::{self, StoreError};

/// How long a check may take where its page does not say, and at most.
const CHECK_SECS: u32 = 15;
const CHECK_SECS_MOST: u32 = 120;
/// How much later the answer may come: another check may have to end first.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// What a check without a form reads.
const NO_ANSWERS: &str = "{}";
/// How long a check's cluster token is good for: longer than any check.
const TOKEN_TTL: Duration = Duration::from_secs(600);

impl Workbenches {
    /// Runs a check and records its outcome.
    ///
    /// # Errors
    /// [`SessionError::NotRunning`], [`SessionError::CheckRefused`], [`SessionError::Workbench`], …
    pub async fn run_check(
        &self,
        user: UserId,
        id: SessionId,
        name: &CheckName,
        request: RunCheck,
    ) -> Result<CheckOutcome, SessionError> {
        let row = self.find_running(user, id).await?;
        let lab = self.labs.find(&row.lab)?;
        let refused =
            |reason: String| SessionError::CheckRefused(CheckRefusal { name: name.clone(), reason });
        if !lab.checks.contains(name) {
            return Err(refused("the lab has no such check".to_owned()));
        }
        let page = request.page.filter(|page| page.parse::<PageName>().is_ok());
        if !self.is_on_a_page(&row, &lab, name, &request.args, page.clone()).await? {
            return Err(refused("no page of the lab runs it with these arguments".to_owned()));
        }
        let place = names(&row);
        let token = async {
            if !lab.spec.session.namespaces.token_enabled {
                return Ok(None);
            }
            Ok(Some(self.cluster.learner_kubeconfig(&place, TOKEN_TTL).await?.yaml))
        };
        let checker = self.cluster.start_checker(&place, Link::connect);
        let (kubeconfig, link) = tokio::try_join!(token, checker)?;
        let run = Uuid::new_v4();
        let timeout_secs = request.timeout_secs.unwrap_or(CHECK_SECS).clamp(1, CHECK_SECS_MOST);
        let question = Request::RunCheck {
            run,
            name: name.clone(),
            args: request.args,
            stdin: request.inputs.map_or_else(|| NO_ANSWERS.to_owned(), |inputs| inputs.to_string()),
            env: check_environment(&row, &lab, &self.labs.previews),
            kubeconfig,
            timeout_secs,
        };
        let limit = Duration::from_secs(timeout_secs.into()) + ANSWER_WITHIN;
        let (passed, output, duration_ms) = match ask_checker(&link, lab, run, &question, limit).await? {
            Reply::Ran { passed, output, duration_ms, .. } => (passed, output, duration_ms),
            Reply::Failed { message } => return Err(refused(message)),
            _ => return Err(SessionError::Workbench(LinkError::Unexpected)),
        };
        let ran = CheckRun {
            name: name.as_str(),
            page: page.as_deref(),
            block: request.block.filter(|block| *block < ACTIONS_PER_PAGE),
            passed,
        };
        let mut tx = self.pool.begin().await.map_err(StoreError::from)?;
        store::progress::record_check(&mut tx, id, user, &ran).await?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(CheckOutcome { name: name.clone(), passed, output, duration_ms })
    }

    /// Whether the lab runs the check like this: arguments are the author's to choose, not the learner's.
    async fn is_on_a_page(
        &self,
        row: &SessionRow,
        lab: &Arc<Lab>,
        name: &CheckName,
        args: &[String],
        page: Option<String>,
    ) -> Result<bool, SessionError> {
        let values = page_values(row, lab, &self.labs.previews);
        let (lab, name, args) = (lab.clone(), name.clone(), args.to_owned());
        let look = move || is_used(&lab, &values, (&name, &args), page.as_deref());
        tokio::task::spawn_blocking(look).await.map_err(|error| SessionError::Render(error.to_string()))
    }
}

async fn ask_checker(
    link: &Link,
    lab: Arc<Lab>,
    run: Uuid,
    request: &Request,
    limit: Duration,
) -> Result<Reply, SessionError> {
    let list = move || lab.check_files();
    let send = async |archive| link.run_check(request, archive, limit).await;
    match packed(list, Some(run_workshop(run)), send).await {
        Ok(reply) => Ok(reply),
        Err(ProvisionError::Link(error)) => Err(SessionError::Workbench(error)),
        Err(error) => Err(SessionError::Workbench(std::io::Error::other(error.to_string()).into())),
    }
}

/// The variables of a check: a shell's, with what the set-up's first run wrote.
fn check_environment(row: &SessionRow, lab: &Lab, site: &PreviewSite) -> Values {
    let mut env = shell_environment(row, lab, site);
    env.extend(row.set_up_env.iter().flat_map(|written| written.clone()));
    env
}

/// Whether one of the lab's pages, which may be the named one, runs the check with these arguments; a check that
/// stands on no page is run without any.
fn is_used(
    lab: &Lab,
    (variables, options): &(Variables, RenderOptions),
    (name, args): (&CheckName, &[String]),
    page: Option<&str>,
) -> bool {
    let is_named = |link: &&PageLink| Some(link.name.as_str()) == page;
    let named = lab.pages.iter().filter(is_named);
    let mut stands_somewhere = false;
    for link in named.chain(lab.pages.iter().filter(|link| !is_named(link))) {
        // a page that cannot be shown runs nothing
        let Ok(rendered) = lab.render_page(&link.name, variables, options) else { continue };
        for action in rendered.actions.iter().filter_map(ActionBlock::action) {
            if let Action::ExaminerExecuteTest { name: used, args: given, url: None, .. } = action
                && used == name.as_str()
            {
                if given == args {
                    return true;
                }
                stands_somewhere = true;
            }
        }
    }
    !stands_somewhere && args.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_author_chooses_the_arguments_of_a_check() {
        let dir = tempfile::tempdir().unwrap();
        let block = |body: &str| format!("```examiner:execute-test\n{body}\n```\n");
        std::fs::write(dir.path().join("one.md"), block("name: is\nargs: [red, \"7\"]")).unwrap();
        std::fs::write(dir.path().join("two.md"), block("name: is\nargs: [blue]")).unwrap();
        let lab = Lab::load(dir.path()).unwrap();
        let values = (Variables::new(), RenderOptions::new("/files"));
        let may_run = |name: &str, args: &[&str], page| {
            let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
            is_used(&lab, &values, (&name.parse().unwrap(), &args), page)
        };
        for page in [None, Some("one"), Some("two"), Some("none")] {
            assert!(may_run("is", &["red", "7"], page) && may_run("is", &["blue"], page));
            for args in [&[][..], &["green"], &["red"], &["red", "7", "x"]] {
                assert!(!may_run("is", args, page), "{args:?}");
            }
            assert!(may_run("on-no-page", &[], page) && !may_run("on-no-page", &["x"], page));
        }
    }
}
