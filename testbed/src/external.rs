//! Services from elsewhere: the cluster that `KUBECONFIG` names and the database that `DATABASE_URL` names. They are used
//! instead of our own, and must answer.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Which services come from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct External {
    /// `DATABASE_URL` is set.
    pub postgres: bool,
    /// `KUBECONFIG` is set.
    pub kubernetes: bool,
}

impl External {
    /// Reads the environment, and checks that what it names can be reached.
    pub fn find() -> Result<Self> {
        let database = variable("DATABASE_URL");
        let kubeconfig = variable("KUBECONFIG");
        if let Some(url) = &database
            && let Some(address) = address_of(url, 5432)
        {
            must_answer("DATABASE_URL", &address)?;
        }
        if let Some(files) = &kubeconfig {
            let file = files.split(':').next().unwrap_or(files);
            let text = fs::read_to_string(file).with_context(|| {
                format!("KUBECONFIG names {file}, which cannot be read; unset it to have a Kubernetes built")
            })?;
            let server = server_of(&text).with_context(|| format!("{file} names no server of a cluster"))?;
            if let Some(address) = address_of(server, if server.starts_with("http:") { 80 } else { 443 }) {
                must_answer("KUBECONFIG", &address)?;
            }
        }
        Ok(Self { postgres: database.is_some(), kubernetes: kubeconfig.is_some() })
    }
}

/// A variable of the environment that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "this is where the crate reads its settings")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn must_answer(variable: &str, address: &str) -> Result<()> {
    let reached = address
        .to_socket_addrs()
        .ok()
        .is_some_and(|mut all| all.any(|one| TcpStream::connect_timeout(&one, ANSWER_WITHIN).is_ok()));
    if !reached {
        bail!(
            "{variable} is set, but nothing answers at {address}; start it, or unset {variable} to have one built"
        );
    }
    Ok(())
}

/// Returns the first server that a kubeconfig names.
fn server_of(kubeconfig: &str) -> Option<&str> {
    kubeconfig
        .lines()
        .find_map(|line| line.trim_start().trim_start_matches("- ").strip_prefix("server:"))
        .map(|server| server.trim().trim_matches(['"', '\'']))
}

/// Returns `host:port` of a URL, or `None` if it names a Unix socket.
fn address_of(url: &str, default_port: u16) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?;
    if host.is_empty() || host.starts_with('%') {
        return None;
    }
    let has_port =
        host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    Some(if has_port { host.to_owned() } else { format!("{host}:{default_port}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_of_a_kubeconfig_is_found() {
        let text = "clusters:\n- cluster:\n    server: \"https://10.0.0.1:6443\"\n  name: a\n";
        assert_eq!(server_of(text), Some("https://10.0.0.1:6443"));
        assert_eq!(server_of("kind: Config\n"), None);
    }

    #[test]
    fn addresses_have_a_port_and_no_password() {
        let find = |url| address_of(url, 5432);
        assert_eq!(find("postgres://a:b@db.example/lectern").as_deref(), Some("db.example:5432"));
        assert_eq!(find("postgres://db.example:6000").as_deref(), Some("db.example:6000"));
        assert_eq!(find("https://[::1]:6443/x").as_deref(), Some("[::1]:6443"));
        assert_eq!(find("https://[::1]").as_deref(), Some("[::1]:5432"));
        assert_eq!(find("postgres:///lectern?host=/run/postgresql"), None);
        assert_eq!(find("postgres://%2Frun%2Fpostgresql/lectern"), None);
    }

    #[test]
    fn nothing_at_the_address_is_an_error_that_names_the_variable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let error = must_answer("KUBECONFIG", &format!("127.0.0.1:{port}")).unwrap_err().to_string();
        assert!(error.contains("KUBECONFIG") && error.contains(&port.to_string()), "{error}");
    }
}
