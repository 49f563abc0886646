//! The cookie of an application's origin: which login may see which session's application.
//!
//! It is signed with the stored hash of the login's token, so it ends with the login and nothing of it is stored.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lectern_api::ids::{LoginId, SessionId, UserId};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::address::App;
use crate::store::sessions::SessionRow;

/// For how long a look at a cookie holds.
const HOLDS: Duration = Duration::from_secs(5);
/// How often the cookie of a connection that stays open is checked again.
pub(super) const RECHECKED: Duration = Duration::from_secs(20);
/// The number of looks that are kept.
const KEPT: usize = 20_000;

/// Leave to see an application.
#[derive(Clone, Debug)]
pub struct Pass {
    pub(super) user: UserId,
    pub(super) app: App,
    pub(super) row: Arc<SessionRow>,
}

/// What a cookie says, before it is checked.
pub(super) struct Claim {
    pub login: LoginId,
    pub session: SessionId,
    signature: Vec<u8>,
}

impl Claim {
    /// Returns whether the login with this secret was given this application.
    pub(super) fn is_signed(&self, app: &App, secret: &[u8]) -> bool {
        self.session == app.session && bool::from(self.signature.ct_eq(&sign(self.login, app, secret)))
    }
}

fn sign(login: LoginId, app: &App, secret: &[u8]) -> Vec<u8> {
    let said = Sha256::digest(format!("preview {} {} {}", login.0, app.session, app.host));
    // both parts have a fixed length, so neither can be continued
    Sha256::new().chain_update(secret).chain_update(said).finalize().to_vec()
}

/// Writes the value of a cookie.
pub(super) fn write(login: LoginId, app: &App, secret: &[u8]) -> String {
    format!("{}.{}.{}", login.0, app.session, hex::encode(sign(login, app, secret)))
}

/// Reads the value of a cookie; `None` if it is none.
pub(super) fn read(cookie: &str) -> Option<Claim> {
    let mut parts = cookie.split('.');
    let (login, session, signature) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Claim {
        login: LoginId(login.parse().ok()?),
        session: session.parse().ok()?,
        signature: hex::decode(signature).ok()?,
    })
}

/// When a cookie was checked, and what it allows.
type Look = (Instant, Option<Pass>);

/// Looks at cookies that still hold, by cookie and host.
#[derive(Default)]
pub(super) struct Passes(Mutex<HashMap<(String, String), Look>>);

impl Passes {
    /// Returns what was found of a cookie a moment ago.
    pub(super) fn find(&self, cookie: &str, host: &str) -> Option<Option<Pass>> {
        let passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, pass) = passes.get(&(cookie.to_owned(), host.to_owned()))?;
        (since.elapsed() < HOLDS).then(|| pass.clone())
    }

    pub(super) fn keep(&self, cookie: &str, host: &str, pass: Option<Pass>) {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if passes.len() < KEPT {
            passes.insert((cookie.to_owned(), host.to_owned()), (Instant::now(), pass));
        }
    }

    pub(super) fn sweep(&self) {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passes.retain(|_, (since, _)| since.elapsed() < HOLDS);
        passes.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_good_for_one_login_one_session_and_one_host() {
        let app = App { session: SessionId::new(), host: "web-lab-x.localhost".into() };
        let (login, secret) = (LoginId::new(), [7; 32]);
        let cookie = write(login, &app, &secret);
        let claim = read(&cookie).unwrap();
        assert_eq!((claim.login, claim.session), (login, app.session));
        assert!(claim.is_signed(&app, &secret));
        assert!(!claim.is_signed(&App { host: "api-lab-x.localhost".into(), ..app.clone() }, &secret));
        assert!(!claim.is_signed(&App { session: SessionId::new(), ..app.clone() }, &secret));
        assert!(!claim.is_signed(&app, &[8; 32]));
        let forged = cookie.replacen(&login.0.to_string(), &LoginId::new().0.to_string(), 1);
        assert!(!read(&forged).unwrap().is_signed(&app, &secret));
        for wrong in ["", "a.b.c", "..", &cookie[..40]] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
