//! The Debian packages that Lectern needs: finds out which are missing, and installs those.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use lectern_testbed::External;

use crate::context::Context;
use crate::step::Step;

/// For compiling, for the toolchain that builds the web app, and for labs in git repositories.
const BUILD: &[&str] = &["ca-certificates", "gcc", "git", "libc6-dev"];
const POSTGRES: &[&str] = &["postgresql"];
const KUBERNETES: &[&str] = &[
    "conntrack",
    "containerd",
    "containernetworking-plugins",
    "docker-registry",
    "iproute2",
    "iptables",
    "mmdebstrap",
    "nftables",
    "runc",
];
const BROWSER: &[&str] = &["chromium", "fonts-dejavu-core", "fonts-liberation"];

/// What a run needs besides the tools for building.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// A database.
    pub postgres: bool,
    /// A cluster and images for it.
    pub kubernetes: bool,
    /// A browser to test with.
    pub browser: bool,
}

/// Returns the packages for those needs, except those of external services.
fn packages_for(needs: Needs, external: &External) -> Vec<&'static str> {
    let groups = [
        (true, BUILD),
        (needs.postgres && !external.postgres, POSTGRES),
        (needs.kubernetes && !external.kubernetes, KUBERNETES),
        (needs.browser, BROWSER),
    ];
    groups.into_iter().filter(|(needed, _)| *needed).flat_map(|(_, group)| group).copied().collect()
}

/// Installs the packages that are missing.
pub fn install(context: &Context, step: &Step, needs: Needs, external: &External) -> Result<()> {
    check_languages(context)?;
    let wanted = packages_for(needs, external);
    let missing = missing_of(context, &wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !nix::unistd::geteuid().is_root() {
        bail!(
            "these Debian packages are missing, and only root can install them: {list}\n  \
             Run this as root, or have somebody run: apt-get install --no-install-recommends {list}"
        );
    }
    step.say(&format!("installing {list}"));
    prevent_default_cluster()?;
    let _quiet = NoServices::begin()?;
    // one broken source of several must not stop us: the installation fails if a package really is missing
    step.run_to_status(apt_get(context, "update"), None)?;
    let mut install = apt_get(context, "install --yes --no-install-recommends");
    install.args(&missing);
    step.run(install)?;
    step.conclude(&format!("{} packages", missing.len()));
    Ok(())
}

fn check_languages(context: &Context) -> Result<()> {
    for (words, what) in [
        ("go version", "Go 1.26 or newer, from https://go.dev/dl"),
        ("node --version", "Node.js 20 or newer, from https://nodejs.org"),
        ("npm --version", "npm, which comes with Node.js"),
    ] {
        if context.ask(words).is_err() {
            bail!("`{words}` does not run: Lectern needs {what}");
        }
    }
    Ok(())
}

fn missing_of(context: &Context, wanted: &[&'static str]) -> Result<Vec<&'static str>> {
    let output = context
        .command("dpkg-query --show --showformat")
        .arg("${Package} ${db:Status-Status}\\n")
        .args(wanted)
        .output()
        .context(
            "dpkg-query does not run: Lectern's own Kubernetes and Postgres come from Debian's packages",
        )?;
    // it fails if it does not know one of them, which is then not in the list
    Ok(not_installed(&String::from_utf8_lossy(&output.stdout), wanted))
}

fn not_installed(listed: &str, wanted: &[&'static str]) -> Vec<&'static str> {
    let installed: Vec<&str> = listed.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    wanted.iter().filter(|package| !installed.contains(package)).copied().collect()
}

fn apt_get(context: &Context, words: &str) -> Command {
    let mut command = context.command("apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3");
    command.args(words.split(' ')).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// Keeps Debian's package from creating and starting a database of its own, which nobody asked for.
fn prevent_default_cluster() -> Result<()> {
    let file = Path::new("/etc/postgresql-common/createcluster.conf");
    if file.exists() {
        return Ok(());
    }
    fs::create_dir_all("/etc/postgresql-common")?;
    fs::write(file, "create_main_cluster = false\n")
        .with_context(|| format!("could not write {}", file.display()))
}

/// While it exists, Debian starts no service of a package that it installs: Lectern runs its own.
struct NoServices {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn begin() -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")
                .with_context(|| format!("could not write {POLICY}"))?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: External = External { postgres: false, kubernetes: false };

    #[test]
    fn a_package_counts_as_there_only_when_it_is_installed() {
        let listed = "postgresql installed\nrunc config-files\n";
        assert_eq!(not_installed(listed, &["postgresql", "runc", "chromium"]), ["runc", "chromium"]);
    }

    #[test]
    fn running_lectern_needs_no_browser() {
        let needs = Needs { postgres: true, kubernetes: true, browser: false };
        let packages = packages_for(needs, &OWN);
        assert!(packages.contains(&"containerd") && packages.contains(&"postgresql"));
        assert!(!packages.contains(&"chromium"));
    }

    #[test]
    fn packages_for_external_services_are_not_installed() {
        let needs = Needs { postgres: true, kubernetes: true, browser: true };
        let packages = packages_for(needs, &External { postgres: true, kubernetes: true });
        assert_eq!(packages, [BUILD, BROWSER].concat());
    }
}
