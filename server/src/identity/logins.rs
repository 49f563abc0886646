//! The browsers in which a person is signed in.

use chrono::TimeDelta;
use lectern_api::identity::LoginInfo;
use lectern_api::ids::{LoginId, UserId};

use super::{Identity, IdentityError, Login};
use crate::store;

/// For how many hours after signing in by a link a password can be set without the old one.
const RESET_HOURS: i64 = 1;

impl Identity {
    /// Records the address and browser of somebody who has just signed in. After a link they may set a password
    /// without the old one, once and within an hour.
    pub async fn describe_login(
        &self,
        login: &mut Login,
        user_agent: &str,
        address: &str,
        by_link: bool,
    ) -> Result<(), IdentityError> {
        login.resets = by_link;
        let resets_until = by_link.then(|| self.clock.now() + TimeDelta::hours(RESET_HOURS));
        let mut conn = self.pool.acquire().await?;
        let (hash, device) = (login.token.hash(), device_of(user_agent));
        Ok(store::logins::describe(&mut conn, &hash, &device, address, resets_until).await?)
    }

    /// Returns the caller's logins, the most recently used first.
    pub async fn list_logins(&self, login: &Login) -> Result<Vec<LoginInfo>, IdentityError> {
        let mut conn = self.pool.acquire().await?;
        let rows = store::logins::list_of(&mut conn, login.user.id).await?;
        let info = |row: store::logins::OwnLogin| LoginInfo {
            id: LoginId(row.id),
            created_at: row.created_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
            device: row.device,
            address: row.address,
            current: LoginId(row.id) == login.id,
        };
        Ok(rows.into_iter().map(info).collect())
    }

    /// Ends one of a person's logins.
    pub async fn end_login(&self, user: UserId, login: LoginId) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        match store::logins::delete_owned(&mut conn, user, login).await? {
            true => Ok(()),
            false => Err(IdentityError::UnknownLogin),
        }
    }

    /// Ends all of a person's logins.
    pub async fn end_logins(&self, user: UserId) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        store::logins::delete_all_of(&mut conn, user).await?;
        Ok(())
    }

    /// Ends all logins of an account, which must exist.
    pub async fn end_logins_of(&self, user: UserId) -> Result<(), IdentityError> {
        let mut conn = self.pool.acquire().await?;
        store::users::find_user(&mut conn, user).await?.ok_or(IdentityError::UnknownUser)?;
        store::logins::delete_all_of(&mut conn, user).await?;
        Ok(())
    }
}

/// Describes browser and operating system in words of our own, so that nothing the browser sends is stored as it is.
fn device_of(user_agent: &str) -> String {
    let find = |words: &[(&str, &'static str)]| {
        words.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    // the order matters: most browsers also name the ones that they descend from
    let browser = find(&[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS", "Firefox"),
        ("Chrome/", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = find(&[
        ("Windows", "Windows"),
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Macintosh", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "Another program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_described_in_our_own_words() {
        for (sent, shown) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 \
                 Safari/537.36 Edg/140.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome on Android",
            ),
            ("curl/8.5.0", "curl"),
            ("<script>alert(1)</script>", "Another program"),
            ("", "Another program"),
        ] {
            assert_eq!(device_of(sent), shown, "{sent}");
        }
    }
}
