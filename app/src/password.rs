//! Passwords: Argon2id with 19 MiB and two passes, a few at a time.

use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Semaphore;

use crate::problem::Problem;

const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Each takes 19 MiB: more at a time would only be slower, and could take all the memory there is.
const AT_A_TIME: usize = 2;
/// Maximum number of waiting requests; further ones would wait for more than a few seconds and are refused.
const WAITING: usize = 64;
/// Neither 0 and O nor 1, l and I.
const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

/// A hash without a user, which the app verifies for unknown names, so that the response takes as long. It is a
/// constant, because the memory for computing it would stay with the process.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Default for Passwords {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_A_TIME)), waiting: Arc::new(Semaphore::new(WAITING)) }
    }
}

impl Passwords {
    /// The hash, with its parameters and its salt.
    pub async fn hash(&self, password: String) -> Result<String, Problem> {
        self.run(move || hash(&password)).await?
    }

    /// Returns whether that is the password. Takes the same time when there is no hash.
    pub async fn verify(&self, password: String, known: Option<String>) -> Result<bool, Problem> {
        let exists = known.is_some();
        let known = known.unwrap_or_else(|| NOBODY.to_owned());
        let same = self.run(move || {
            let known = PasswordHash::new(&known).map_err(|_| Problem::internal())?;
            Ok::<_, Problem>(argon2()?.verify_password(password.as_bytes(), &known).is_ok())
        });
        Ok(same.await?? && exists)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
        let _place = self.waiting.try_acquire().map_err(|_| Problem::unavailable())?;
        let turn = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Problem::unavailable())?;
        let work = tokio::task::spawn_blocking(move || {
            // The work itself holds the permit: it continues after the client has disconnected.
            let _turn = turn;
            work()
        });
        work.await.map_err(|_| Problem::internal())
    }
}

/// So many random letters and digits.
pub fn generate(length: usize) -> Result<String, Problem> {
    let random = SystemRandom::new();
    let mut password = String::with_capacity(length);
    while password.len() < length {
        let mut byte = [0];
        random.fill(&mut byte).map_err(|_| Problem::internal())?;
        // A remainder would favour the first letters.
        if let Some(letter) = LETTERS.get(usize::from(byte[0]) % 64) {
            password.push(char::from(*letter));
        }
    }
    Ok(password)
}

fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).map_err(|_| Problem::internal())?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str) -> Result<String, Problem> {
    let hashed = argon2()?.hash_password(password.as_bytes()).map_err(|_| Problem::internal())?;
    Ok(hashed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_names_its_cost_and_verifies() {
        let passwords = Passwords::default();
        let hashed = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hashed}");
        assert!(passwords.verify("correct horse".into(), Some(hashed.clone())).await.unwrap());
        assert!(!passwords.verify("correct horsf".into(), Some(hashed)).await.unwrap());
        assert!(!passwords.verify("correct horse".into(), None).await.unwrap());
        // An unknown user's substitute hash costs the same.
        assert!(hash("x").unwrap().starts_with(&NOBODY[..31]));
        let nobody = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(nobody.hash.unwrap().len(), 32);
    }

    #[test]
    fn generated_ones_differ() {
        let (one, two) = (generate(24).unwrap(), generate(24).unwrap());
        assert_eq!((one.len(), two.len()), (24, 24));
        assert_ne!(one, two);
    }
}
