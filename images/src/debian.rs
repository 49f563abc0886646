//! The lowest layer of most images: Debian packages in a root of their own, by mmdebstrap, from
//! wherever this machine's apt gets its own packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::layer::EPOCH;
use crate::program::run;
use crate::recipe::Recipe;

/// Writes an uncompressed tar of the recipe's packages.
///
/// # Errors
///
/// Fails if apt knows no Debian source, or mmdebstrap fails.
pub fn pack_packages(recipe: &Recipe, recipes_root: &Path, tar: &Path) -> Result<()> {
    let mut packages = vec!["usr-is-merged"];
    packages.extend(recipe.packages.iter().flatten().map(String::as_str));
    let sources = debian_sources(&run(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)",
        "Created-By: Packages",
    ]))?);
    ensure!(!sources.is_empty(), "apt knows no Debian source on this machine; run apt-get update");

    let mut command = Command::new("mmdebstrap");
    command
        .env("SOURCE_DATE_EPOCH", EPOCH)
        .env("LC_ALL", "C.UTF-8")
        .args(["--mode=root", "--variant=essential", "--format=tar"])
        .arg("--skip=output/dev")
        // without a suite's name mmdebstrap does not know that /bin must be a link to /usr/bin
        .arg("--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr")
        .arg(format!("--include={}", packages.join(",")))
        .arg(option_from("--dpkgopt", &recipes_root.join("dpkg.cfg")));
    for option in network_options(&run(Command::new("apt-config").arg("dump"))?) {
        command.arg(format!("--aptopt={option}"));
    }
    let own = recipe.folder.join("customize.sh");
    if own.is_file() {
        command.arg(option_from("--customize-hook", &own));
    }
    command
        .arg(option_from("--customize-hook", &recipes_root.join("finish.sh")))
        .arg("") // each source below names its own suite
        .arg(tar)
        .args(sources);
    run(&mut command)?;
    Ok(())
}

fn option_from(option: &str, file: &Path) -> String {
    format!("{option}={}", file.display())
}

/// Returns one `deb` line for each package list that Debian itself signed, from the output of `apt-get indextargets`.
fn debian_sources(listed: &str) -> Vec<String> {
    let mut sources: Vec<String> = listed
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split('|').collect();
            match fields[..] {
                ["Debian", uri, suite, component] => Some(format!("deb {uri} {suite} {component}")),
                _ => None,
            }
        })
        .collect();
    sources.sort();
    sources.dedup();
    sources
}

/// Returns the options with which this machine's apt reaches the network: its proxies, and what it does not verify.
fn network_options(dump: &str) -> Vec<&str> {
    const KEPT: [&str; 5] =
        ["Acquire::http::", "Acquire::https::", "Acquire::Check-", "Acquire::Retries", "Acquire::ForceIPv"];
    dump.lines()
        .filter(|line| KEPT.iter().any(|kept| line.starts_with(kept)))
        .filter(|line| !line.ends_with(" \"\";"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_that_debian_signed_are_used() {
        let listed = "Debian|http://mirror.example/debian/|bookworm|main\n\
                    Docker|https://docker.example/linux/debian/|bookworm|stable\n\
                    Debian|http://mirror.example/debian/|bookworm|main\n";
        assert_eq!(debian_sources(listed), ["deb http://mirror.example/debian/ bookworm main"]);
    }

    #[test]
    fn the_proxy_of_apt_is_passed_on_and_nothing_else_of_its_settings() {
        let dump = "APT::Architecture \"amd64\";\n\
                    Acquire::http::Proxy \"http://proxy.example:3128\";\n\
                    Acquire::https \"\";\n\
                    Acquire::Languages \"none\";\n\
                    Acquire::Check-Date \"false\";\n";
        assert_eq!(
            network_options(dump),
            ["Acquire::http::Proxy \"http://proxy.example:3128\";", "Acquire::Check-Date \"false\";"]
        );
    }
}
