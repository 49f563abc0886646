//! Passwords: argon2id with the crate's defaults, off the threads that serve requests.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::{IdentityError, InvalidField};

/// Accepts a new password of 10 to 200 characters.
pub(super) fn check(password: &str) -> Result<(), InvalidField> {
    match password.chars().count() {
        10..=200 => Ok(()),
        _ => {
            Err(InvalidField { field: "password", message: "a password is 10 to 200 characters long".into() })
        }
    }
}

pub(super) async fn hash(password: String) -> Result<String, IdentityError> {
    off_thread(move || hash_now(&password)).await
}

/// Whether the password fits the hash. Without a hash it takes the same time and is false.
pub(super) async fn verify(password: String, hash: Option<String>) -> Result<bool, IdentityError> {
    off_thread(move || {
        static NOBODY: OnceLock<String> = OnceLock::new();
        let known = hash.is_some();
        let hash = match hash {
            Some(hash) => hash,
            None => match NOBODY.get() {
                Some(hash) => hash.clone(),
                None => NOBODY.get_or_init(|| hash_now("nobody's password").unwrap_or_default()).clone(),
            },
        };
        let parsed = PasswordHash::new(&hash).map_err(|error| IdentityError::Hash(error.to_string()))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok() && known)
    })
    .await
}

fn hash_now(password: &str) -> Result<String, IdentityError> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| IdentityError::Hash(error.to_string()))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IdentityError> + Send + 'static,
) -> Result<T, IdentityError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| IdentityError::Hash(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_verifies() {
        let hashed = hash("correct horse battery".into()).await.unwrap();
        assert!(hashed.starts_with("$argon2id$"));
        assert!(verify("correct horse battery".into(), Some(hashed.clone())).await.unwrap());
        assert!(!verify("wrong horse battery".into(), Some(hashed)).await.unwrap());
        assert!(!verify("nobody's password".into(), None).await.unwrap());
    }
}
