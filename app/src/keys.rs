//! The signing key, and the tokens that it signs.
//!
//! The key is read again every five minutes, and at once (but at most every five seconds) when a token names a key that
//! is not known. The key before it stays good for as long as its tokens may live after that; a token that names neither
//! is refused. Who is signed in stays so: refresh tokens are not signed.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{ErrorKind, Result as JwtResult},
    signature,
};
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    clock,
    secret::{self, SecretReader, SecretSource},
};

/// Interval between regular reads of the key.
pub const EVERY: Duration = Duration::from_mins(5);
/// Time for which an unknown key's name is not looked up again.
const PAUSE: Duration = Duration::from_secs(5);
/// Shorter ones can be guessed.
const LEAST: usize = 32;
const ISSUER: &str = "app";

/// The claims of an access token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    /// ID of the user.
    pub sub: Uuid,
    /// ID of the session.
    pub sid: Uuid,
    iat: u64,
    exp: u64,
}

/// The reason for a missing key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be read.
    #[error(transparent)]
    Secret(#[from] secret::Error),
    /// The key is too short.
    #[error("the signing key has fewer than {LEAST} characters: make it longer")]
    Short,
    /// The library's; never of a user's doing.
    #[error("cannot sign")]
    Sign,
}

struct SigningKey {
    name: String,
    sign: EncodingKey,
    verify: DecodingKey,
}

impl SigningKey {
    fn new(text: &str) -> Result<Arc<Self>, Error> {
        if text.len() < LEAST {
            return Err(Error::Short);
        }
        // The name is a hash: it identifies the key without revealing it.
        let name = Sha256::digest([b"name of ", text.as_bytes()].concat());
        let name = URL_SAFE_NO_PAD.encode(name.first_chunk::<6>().unwrap_or(&[0; 6]));
        let bytes = text.as_bytes();
        Ok(Arc::new(Self { name, sign: EncodingKey::from_secret(bytes), verify: DecodingKey::from_secret(bytes) }))
    }
}

struct KeyRing {
    current: Arc<SigningKey>,
    previous: Option<(Arc<SigningKey>, Instant)>,
}

/// The keys that are good now.
pub struct Keys {
    key_ring: RwLock<KeyRing>,
    looked: tokio::sync::Mutex<Instant>,
    source: SecretSource,
    secrets: Arc<SecretReader>,
    life: Duration,
}

impl Keys {
    /// Reads the key for the first time.
    pub async fn read(source: SecretSource, secrets: Arc<SecretReader>, life: Duration) -> Result<Self, Error> {
        // Fails if the same provider is already installed.
        let _ = RING.install_default();
        let current = SigningKey::new(&secrets.read(&source).await?)?;
        let key_ring = RwLock::new(KeyRing { current, previous: None });
        Ok(Self { key_ring, looked: tokio::sync::Mutex::new(Instant::now()), source, secrets, life })
    }

    /// A token for that user and session.
    pub fn sign(&self, user: Uuid, session: Uuid) -> Result<String, Error> {
        let key = Arc::clone(&self.key_ring().current);
        let now = clock::now();
        let claims = Claims { iss: ISSUER.into(), sub: user, sid: session, iat: now, exp: now + self.life.as_secs() };
        let header = Header { kid: Some(key.name.clone()), ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &claims, &key.sign).map_err(|_| Error::Sign)
    }

    /// Returns the claims of a token, if the app signed it and it has not expired.
    pub async fn verify(&self, token: &str) -> Option<Claims> {
        let name = jsonwebtoken::decode_header(token).ok()?.kid?;
        let key = if let Some(key) = self.find(&name) {
            key
        } else {
            self.look_again().await;
            self.find(&name)?
        };
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        jsonwebtoken::decode::<Claims>(token, &key.verify, &validation).ok().map(|token| token.claims)
    }

    /// Reads the key again and takes over a new one; keeps what it has when that fails.
    pub async fn refresh(&self) {
        let read = async { SigningKey::new(&self.secrets.read(&self.source).await?) };
        match read.await {
            Err(error) => tracing::warn!(reason = %error, "the signing key cannot be read again"),
            Ok(key) => {
                let mut key_ring = self.key_ring.write().unwrap_or_else(std::sync::PoisonError::into_inner);
                if key.name != key_ring.current.name {
                    tracing::info!(key = key.name, "a new signing key");
                    // Other tasks may sign with the old key until they reload.
                    let until = Instant::now() + self.life + EVERY;
                    let old = std::mem::replace(&mut key_ring.current, key);
                    key_ring.previous = Some((old, until));
                }
            }
        }
    }

    async fn look_again(&self) {
        let mut looked = self.looked.lock().await;
        if looked.elapsed() >= PAUSE {
            *looked = Instant::now();
            self.refresh().await;
        }
    }

    fn find(&self, name: &str) -> Option<Arc<SigningKey>> {
        let key_ring = self.key_ring();
        if key_ring.current.name == name {
            return Some(Arc::clone(&key_ring.current));
        }
        let (key, until) = key_ring.previous.as_ref()?;
        (key.name == name && Instant::now() < *until).then(|| Arc::clone(key))
    }

    fn key_ring(&self) -> std::sync::RwLockReadGuard<'_, KeyRing> {
        self.key_ring.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// HMAC by ring, which TLS has in the program already.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => Ok(Box::new(Hs256::new(key.as_bytes())) as Box<dyn JwtSigner>),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => hs256_verifier(key),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn hs256_verifier(key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    Ok(Box::new(Hs256::new(key.try_get_as_bytes()?)))
}

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }
}

impl signature::Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl signature::Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signed: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, signed).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    async fn keys(text: &str) -> (tempfile::NamedTempFile, Keys) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let source = SecretSource::File(file.path().to_owned());
        (file, Keys::read(source, Arc::default(), Duration::from_mins(1)).await.unwrap())
    }

    const ONE: &str = "one-one-one-one-one-one-one-one-one";
    const TWO: &str = "two-two-two-two-two-two-two-two-two";

    #[tokio::test]
    async fn only_its_own_tokens_are_good() {
        let (_a, one) = keys(ONE).await;
        let (_b, two) = keys(TWO).await;
        let (user, session) = (Uuid::new_v4(), Uuid::new_v4());
        let token = one.sign(user, session).unwrap();
        assert_eq!(one.verify(&token).await.unwrap().sub, user);
        assert!(two.verify(&token).await.is_none());
        // The same claims without a signature, and with one extra character.
        let mut parts = token.rsplitn(2, '.');
        let _signature = parts.next();
        assert!(one.verify(&format!("{}.", parts.next().unwrap())).await.is_none());
        assert!(one.verify(&format!("{token}A")).await.is_none());
    }

    #[tokio::test]
    async fn previous_signing_key_stays_valid() {
        let (file, keys) = keys(ONE).await;
        let old = keys.sign(Uuid::new_v4(), Uuid::new_v4()).unwrap();
        std::fs::write(file.path(), TWO).unwrap();
        keys.refresh().await;
        let new = keys.sign(Uuid::new_v4(), Uuid::new_v4()).unwrap();
        assert!(keys.verify(&old).await.is_some());
        assert!(keys.verify(&new).await.is_some());
        std::fs::write(file.path(), "three-three-three-three-three-three").unwrap();
        keys.refresh().await;
        assert!(keys.verify(&old).await.is_none(), "two rotations ago");
    }
}
