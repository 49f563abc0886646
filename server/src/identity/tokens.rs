//! Random tokens: cookies and one-time links. The database holds only their hashes.

use rand::RngExt;
use sha2::{Digest, Sha256};

/// 32 random bytes, shown as 64 hexadecimal digits.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    #[must_use]
    pub fn random() -> Self {
        Self(rand::rng().random())
    }

    /// Parses the text that [`Token::reveal`] returned.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }

    /// Returns the secret text that its bearer keeps.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }

    /// Returns the hash that the database stores.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }

    /// Returns a second secret derived from the token. The app's own page may read it and sends it back in a header;
    /// a page of another site can do neither.
    #[must_use]
    pub fn csrf(&self) -> String {
        hex::encode(Sha256::new().chain_update(b"csrf").chain_update(self.0).finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_its_csrf_secret_is_not_its_hash() {
        let token = Token::random();
        let again = Token::parse(&token.reveal()).unwrap();
        assert_eq!(again.hash(), token.hash());
        assert_ne!(hex::encode(token.hash()), token.csrf());
        assert!(Token::parse("abc").is_none());
    }
}
