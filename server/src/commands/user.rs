//! `lectern user`: managing accounts from the command line, with direct access to the database.

use clap::{Args, Subcommand};
use lectern_api::identity::{ChangeUser, NewUser, Role, User};
use lectern_server::audit::{self, Audit, AuditFile, Record};
use lectern_server::clock::Clock;
use lectern_server::config::DatabaseConfig;
use lectern_server::identity::Identity;

use super::serve::open_database;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Lists all accounts.
    List(Installation),
    /// Creates an account and prints a one-time sign-in link for it.
    Add(AddArgs),
    /// Prints a new one-time sign-in link for an account and ends its logins. Use it for people who forgot their
    /// password.
    Link(LinkArgs),
    /// Disables an account, so that nobody can sign in to it, and ends its logins and sessions.
    Disable(NameArgs),
    /// Enables a disabled account.
    Enable(NameArgs),
    /// Changes an account's role and ends its logins.
    Role(RoleArgs),
    /// Deletes an account and the data kept about it.
    Delete(NameArgs),
}

/// Flags of `lectern user add`.
#[derive(Args)]
pub struct AddArgs {
    /// Name to sign in with.
    username: String,
    /// Name shown to others; by default the user name.
    #[arg(long)]
    display_name: Option<String>,
    /// Role: learner, instructor, author or admin.
    #[arg(long, default_value_t = Role::Learner)]
    role: Role,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    installation: Installation,
}

/// Flags of `lectern user link`.
#[derive(Args)]
pub struct LinkArgs {
    /// Name to sign in with.
    username: String,
    #[command(flatten)]
    address: Address,
    #[command(flatten)]
    installation: Installation,
}

/// Flags of commands that need only the account's name.
#[derive(Args)]
pub struct NameArgs {
    /// Name to sign in with.
    username: String,
    #[command(flatten)]
    installation: Installation,
}

/// Flags of `lectern user role`.
#[derive(Args)]
pub struct RoleArgs {
    /// Name to sign in with.
    username: String,
    /// Role: learner, instructor, author or admin.
    role: Role,
    #[command(flatten)]
    installation: Installation,
}

/// The installation whose accounts are managed.
#[derive(Args)]
pub struct Installation {
    #[command(flatten)]
    database: DatabaseConfig,
    /// File to which the audit log is appended as JSON lines, in addition to the database.
    #[arg(long, env = "LECTERN_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<std::path::PathBuf>,
}

/// The address that browsers use.
#[derive(Args)]
struct Address {
    /// Address of the server, for the link.
    #[arg(long, env = "LECTERN_PUBLIC_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
}

/// The accounts and the audit log of one installation.
struct Accounts {
    identity: Identity,
    audit: Audit,
}

impl Accounts {
    async fn open(installation: &Installation) -> anyhow::Result<Self> {
        let file = installation.audit_log.as_deref().map(AuditFile::open).transpose()?;
        let pool = open_database(&installation.database).await?;
        Ok(Self { identity: Identity::new(pool.clone(), Clock::default()), audit: Audit::start(pool, file) })
    }

    async fn record(&self, action: &'static str, user: &User, detail: &str) {
        let record = Record::by_cli(action, audit::user(user.id));
        self.audit.write(Record { detail: detail.to_owned(), ..record }).await;
    }

    async fn change(&self, username: &str, change: ChangeUser, action: &'static str) -> anyhow::Result<User> {
        let user = self.identity.find_by_username(username).await?;
        let user = self.identity.change_user(user.id, change).await?;
        let detail = if action == "change_role" { user.role.as_str() } else { "" };
        self.record(action, &user, detail).await;
        Ok(user)
    }

    async fn print_link(&self, user: &User, address: &Address) -> anyhow::Result<()> {
        let (token, expires_at) = self.identity.make_link(user.id).await?;
        self.identity.end_logins(user.id).await?;
        self.record("make_sign_in_link", user, "").await;
        let base = address.url.trim_end_matches('/');
        println!(
            "Link for {}, valid once and until {expires_at}:\n  {base}/sign-in#{}",
            user.username,
            token.reveal()
        );
        Ok(())
    }
}

/// Runs `lectern user`.
pub async fn run(command: UserCommand) -> anyhow::Result<()> {
    match command {
        UserCommand::List(installation) => {
            for user in Accounts::open(&installation).await?.identity.list_users().await? {
                let state = if user.disabled_at.is_some() { "disabled" } else { "enabled" };
                println!("{}\t{}\t{state}\t{}", user.username, user.role, user.display_name);
            }
        }
        UserCommand::Add(args) => {
            let accounts = Accounts::open(&args.installation).await?;
            let new = NewUser {
                username: args.username.clone(),
                display_name: args.display_name.unwrap_or(args.username),
                role: args.role,
                password: None,
            };
            let user = accounts.identity.add_user(new).await?;
            accounts.record("add_user", &user, user.role.as_str()).await;
            accounts.print_link(&user, &args.address).await?;
        }
        UserCommand::Link(args) => {
            let accounts = Accounts::open(&args.installation).await?;
            let user = accounts.identity.find_by_username(&args.username).await?;
            accounts.print_link(&user, &args.address).await?;
        }
        UserCommand::Disable(args) => {
            let change = ChangeUser { disabled: Some(true), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.installation).await?;
            let user = accounts.change(&args.username, change, "disable_user").await?;
            println!("{} is disabled; its logins and sessions have ended.", user.username);
        }
        UserCommand::Enable(args) => {
            let change = ChangeUser { disabled: Some(false), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.installation).await?;
            let user = accounts.change(&args.username, change, "enable_user").await?;
            println!("{} is enabled.", user.username);
        }
        UserCommand::Role(args) => {
            let change = ChangeUser { role: Some(args.role), ..ChangeUser::default() };
            let accounts = Accounts::open(&args.installation).await?;
            let user = accounts.change(&args.username, change, "change_role").await?;
            println!("{} now has the role {}.", user.username, user.role);
        }
        UserCommand::Delete(args) => {
            let accounts = Accounts::open(&args.installation).await?;
            let user = accounts.identity.find_by_username(&args.username).await?;
            accounts.identity.delete_user(user.id).await?;
            accounts.record("delete_user", &user, "").await;
            println!("{} is deleted, with the data kept about that person.", user.username);
        }
    }
    Ok(())
}
