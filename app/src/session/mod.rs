//! Sessions of users. A session is a row in PostgreSQL or a hash in Redis; its token is known to the client alone.
//!
//! An API session's token is a refresh token: it is good once, and gives the next. One that was used before ends the
//! session, since two then have it. A page's session has one token, in a cookie, from its start to its end.

mod postgres;
mod redis;

use std::{sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{database::Database, problem::Problem};

/// The role of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Has accounts and makes transfers.
    User,
    /// Lists and disables users, and sees the whole audit trail; has accounts as well.
    Admin,
}

impl Role {
    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }

    /// From how it is stored. What is unknown may the least.
    pub fn of(name: &str) -> Self {
        if name == "admin" { Self::Admin } else { Self::User }
    }
}

/// For whom a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// A program with tokens.
    Api,
    /// A browser with a cookie.
    Page,
}

impl SessionKind {
    fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Page => "page",
        }
    }
}

/// The session of a signed-in user.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    /// ID of the session.
    pub id: Uuid,
    /// ID of the user.
    pub user: Uuid,
    /// Role of the user.
    pub role: Role,
    /// Nothing else may be done before.
    pub must_change_password: bool,
}

/// A session's token: `ID.SECRET`.
#[derive(Clone)]
pub struct Token {
    id: Uuid,
    secret: [u8; 32],
}

impl Token {
    fn new(id: Uuid) -> Result<Self, Problem> {
        let mut secret = [0; 32];
        SystemRandom::new().fill(&mut secret).map_err(|_| Problem::internal())?;
        Ok(Self { id, secret })
    }

    /// Parses the text of a token.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.split_once('.')?;
        let secret = URL_SAFE_NO_PAD.decode(secret).ok()?.try_into().ok()?;
        Some(Self { id: Uuid::try_parse(id).ok()?, secret })
    }

    /// As the client gets it.
    pub fn text(&self) -> String {
        format!("{}.{}", self.id, URL_SAFE_NO_PAD.encode(self.secret))
    }

    /// As it is stored.
    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.secret).to_vec()
    }
}

/// The result of using a refresh token.
enum Rotated {
    /// It was good, and the next one is.
    Yes(Session),
    /// It was good once: the session is over now.
    Reused,
    /// There is no such session.
    Gone,
}

/// The storage of sessions.
#[derive(Clone)]
pub enum Sessions {
    /// Rows in a PostgreSQL table.
    Postgres(Arc<Database>),
    /// Hashes in a Redis server.
    Redis(::redis::aio::ConnectionManager),
}

impl Sessions {
    /// Creates a session for a user.
    pub async fn create(
        &self,
        user: Uuid,
        role: Role,
        must_change_password: bool,
        kind: SessionKind,
        life: Duration,
    ) -> Result<(Session, Token), Problem> {
        let session = Session { id: Uuid::new_v4(), user, role, must_change_password };
        let token = Token::new(session.id)?;
        match self {
            Self::Postgres(database) => postgres::create(database, &session, kind, &token.hash(), life).await?,
            Self::Redis(connection) => redis::create(connection, &session, kind, &token.hash(), life).await?,
        }
        Ok((session, token))
    }

    /// The session of an access token, if it is not over.
    pub async fn find(&self, id: Uuid) -> Result<Option<Session>, Problem> {
        match self {
            Self::Postgres(database) => postgres::find(database, id, None).await,
            Self::Redis(connection) => redis::find(connection, id, None).await,
        }
    }

    /// The session of a page's cookie, if it is not over.
    pub async fn of_page(&self, token: &Token) -> Result<Option<Session>, Problem> {
        match self {
            Self::Postgres(database) => postgres::find(database, token.id, Some(&token.hash())).await,
            Self::Redis(connection) => redis::find(connection, token.id, Some(&token.hash())).await,
        }
    }

    /// The next token for this one, once.
    pub async fn rotate(&self, token: &Token, life: Duration) -> Result<Option<(Session, Token)>, Problem> {
        let next = Token::new(token.id)?;
        let (old, new) = (token.hash(), next.hash());
        let rotated = match self {
            Self::Postgres(database) => postgres::rotate(database, token.id, &old, &new, life).await?,
            Self::Redis(connection) => redis::rotate(connection, token.id, &old, &new, life).await?,
        };
        Ok(match rotated {
            Rotated::Yes(session) => Some((session, next)),
            Rotated::Gone => None,
            Rotated::Reused => {
                tracing::warn!("a refresh token was used twice: its session is over");
                self.end(token.id).await?;
                None
            }
        })
    }

    /// Ends a single session.
    pub async fn end(&self, id: Uuid) -> Result<(), Problem> {
        match self {
            Self::Postgres(database) => postgres::end(database, id).await,
            Self::Redis(connection) => redis::end(connection, id).await,
        }
    }

    /// Ends all of a user's.
    pub async fn end_all(&self, user: Uuid) -> Result<(), Problem> {
        match self {
            Self::Postgres(database) => postgres::end_all(database, user).await,
            Self::Redis(connection) => redis::end_all(connection, user).await,
        }
    }

    /// Deletes expired sessions; Redis expires them itself.
    pub async fn tidy(&self) -> Result<(), Problem> {
        match self {
            Self::Postgres(database) => postgres::tidy(database).await,
            Self::Redis(_) => Ok(()),
        }
    }
}
