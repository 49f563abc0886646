//! `lectern user`: accounts from the command line, for whoever has the database.

use anyhow::bail;
use clap::{Args, Subcommand};
use lectern_api::identity::{ChangeUser, NewUser, Role, User};
use lectern_server::audit::{self, Audit, AuditFile, Record};
use lectern_server::clock::Clock;
use lectern_server::config::DatabaseConfig;
use lectern_server::identity::Identity;
use lectern_server::store::users::role_text;

use super::serve::open_database;

/// What to do with accounts.
#[derive(Subcommand)]
pub enum UserCommand {
    /// Lists all accounts.
    List(Place),
    /// Makes an account and prints a one-time link for it.
    Add(AddArgs),
    /// Prints a new one-time link for an account, and ends its logins: whoever forgot their password sets a new one with it.
    Link(LinkArgs),
    /// Closes signing in to an account, and ends its logins and sessions.
    Disable(NameArgs),
    /// Opens signing in to an account again.
    Enable(NameArgs),
    /// Changes what an account may do, and ends its logins.
    Role(RoleArgs),
    /// Deletes an account and what is kept about it.
    Delete(NameArgs),
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
    #[arg(long, default_value = "learner", value_parser = read_role)]
    role: Role,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    place: Place,
}

/// Flags of `lectern user link`.
#[derive(Args)]
pub struct LinkArgs {
    /// The name to sign in with.
    username: String,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    place: Place,
}

/// Flags of what needs only the account's name.
#[derive(Args)]
pub struct NameArgs {
    /// The name to sign in with.
    username: String,
    #[command(flatten)]
    place: Place,
}

/// Flags of `lectern user role`.
#[derive(Args)]
pub struct RoleArgs {
    /// The name to sign in with.
    username: String,
    /// learner, instructor, author or admin.
    #[arg(value_parser = read_role)]
    role: Role,
    #[command(flatten)]
    place: Place,
}

/// Which installation.
#[derive(Args)]
pub struct Place {
    #[command(flatten)]
    database: DatabaseConfig,
    /// File to which the audit log is appended as JSON lines, besides the database.
    #[arg(long, env = "LECTERN_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<std::path::PathBuf>,
}

/// Where the server is reached.
#[derive(Args)]
struct Address {
    /// Address of the server, for the link.
    #[arg(long, env = "LECTERN_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

fn read_role(text: &str) -> anyhow::Result<Role> {
    Ok(match text {
        "learner" => Role::Learner,
        "instructor" => Role::Instructor,
        "author" => Role::Author,
        "admin" => Role::Admin,
        other => bail!("there is no role {other:?}; use learner, instructor, author or admin"),
    })
}

/// The accounts and the log of one installation.
struct Accounts {
    identity: Identity,
    audit: Audit,
}

impl Accounts {
    async fn open(place: &Place) -> anyhow::Result<Self> {
        let file = place.audit_log.as_deref().map(AuditFile::open).transpose()?;
        let pool = open_database(&place.database).await?;
        Ok(Self { identity: Identity::new(pool.clone(), Clock::default()), audit: Audit::start(pool, file) })
    }

    async fn record(&self, action: &'static str, user: &User, detail: &str) {
        let record = Record::by_cli(action, audit::user(user.id));
        self.audit.write(Record { detail: detail.to_owned(), ..record }).await;
    }

    async fn change(&self, username: &str, change: ChangeUser, action: &'static str) -> anyhow::Result<User> {
        let user = self.identity.find_by_username(username).await?;
        let user = self.identity.change_user(user.id, change).await?;
        let detail = if action == "change_role" { role_text(user.role) } else { "" };
        self.record(action, &user, detail).await;
        Ok(user)
    }

    async fn print_link(&self, user: &User, address: &Address) -> anyhow::Result<()> {
        let (token, expires_at) = self.identity.make_link(user.id).await?;
        self.identity.end_logins(user.id).await?;
        self.record("make_sign_in_link", user, "").await;
        let base = address.url.trim_end_matches('/');
        println!(
            "Link for {}, once, until {expires_at}:\n  {base}/sign-in#{}",
            user.username,
            token.reveal()
        );
        Ok(())
    }
}

/// Runs `lectern user`.
pub async fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::List(place) => {
            for user in Accounts::open(&place).await?.identity.list_users().await? {
                let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
                println!("{}\t{}\t{state}\t{}", user.username, role_text(user.role), user.display_name);
            }
        }
        UserCommand::Add(args) => {
            let accounts = Accounts::open(&args.place).await?;
            let new = NewUser {
                username: args.username.clone(),
                display_name: args.display_name.unwrap_or(args.username),
                role: args.role,
                password: None,
            };
            let user = accounts.identity.add_user(new).await?;
            accounts.record("add_user", &user, role_text(user.role)).await;
            accounts.print_link(&user, &args.address).await?;
        }
        UserCommand::Link(args) => {
            let accounts = Accounts::open(&args.place).await?;
            let user = accounts.identity.find_by_username(&args.username).await?;
            accounts.print_link(&user, &args.address).await?;
        }
        UserCommand::Disable(args) => {
            let change = ChangeUser { disabled: Some(true), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.place).await?;
            let user = accounts.change(&args.username, change, "disable_user").await?;
            println!("{} is disabled; its logins and sessions have ended.", user.username);
        }
        UserCommand::Enable(args) => {
            let change = ChangeUser { disabled: Some(false), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.place).await?;
            let user = accounts.change(&args.username, change, "enable_user").await?;
            println!("{} is enabled.", user.username);
        }
        UserCommand::Role(args) => {
            let change = ChangeUser { role: Some(args.role), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.place).await?;
            let user = accounts.change(&args.username, change, "change_role").await?;
            println!("{} is {} now.", user.username, role_text(user.role));
        }
        UserCommand::Delete(args) => {
            let accounts = Accounts::open(&args.place).await?;
            let user = accounts.identity.find_by_username(&args.username).await?;
            accounts.identity.delete_user(user.id).await?;
            accounts.record("delete_user", &user, "").await;
            println!("{} is deleted, and what was kept about that person.", user.username);
        }
    }
    Ok(())
}
