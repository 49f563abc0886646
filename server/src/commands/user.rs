//! `lectern user`: accounts from the command line, for whoever has the database.

use anyhow::bail;
use clap::{Args, Subcommand};
use lectern_api::identity::{NewUser, Role};
use lectern_server::clock::Clock;
use lectern_server::config::DatabaseConfig;
use lectern_server::identity::Identity;
use lectern_server::store;

use super::serve::database_url;

/// What to do with accounts.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Makes an account and prints a one-time link for it.
    Add(AddArgs),
    /// Prints a new one-time link for an account.
    Link(LinkArgs),
}

/// Flags of `lectern user add`.
#[derive(Args)]
pub struct AddArgs {
    /// The name to sign in with.
    username: String,
    /// The name that others see; by default the user name.
    #[arg(long)]
    display_name: Option<String>,
    /// learner, instructor, author or admin.
    #[arg(long, default_value = "learner")]
    role: String,
    #[command(flatten)]
    place: Place,
}

/// Flags of `lectern user link`.
#[derive(Args)]
pub struct LinkArgs {
    /// The name to sign in with.
    username: String,
    #[command(flatten)]
    place: Place,
}

/// Which installation.
#[derive(Args)]
struct Place {
    #[command(flatten)]
    database: DatabaseConfig,
    /// Address of the server, for the link.
    #[arg(long, env = "LECTERN_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// Runs `lectern user`.
pub async fn run(command: UserCommand) -> anyhow::Result<()> {
    let (UserCommand::Add(AddArgs { place, .. }) | UserCommand::Link(LinkArgs { place, .. })) = &command;
    let pool = store::connect(database_url(&place.database)?).await?;
    store::migrate(&pool).await?;
    let identity = Identity::new(pool, Clock::default());
    let user = match &command {
        UserCommand::Add(args) => {
            let role = match args.role.as_str() {
                "learner" => Role::Learner,
                "instructor" => Role::Instructor,
                "author" => Role::Author,
                "admin" => Role::Admin,
                other => bail!("there is no role {other:?}; use learner, instructor, author or admin"),
            };
            let new = NewUser {
                username: args.username.clone(),
                display_name: args.display_name.clone().unwrap_or_else(|| args.username.clone()),
                role,
                password: None,
            };
            identity.add_user(None, new).await?
        }
        UserCommand::Link(args) => identity.find_by_username(&args.username).await?,
    };
    let (token, expires_at) = identity.make_link(None, user.id).await?;
    println!(
        "Link for {}, once, until {expires_at}:\n  {}/sign-in#{}",
        user.username,
        place.url.trim_end_matches('/'),
        token.reveal()
    );
    Ok(())
}
