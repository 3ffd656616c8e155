//! Actions on users: registration, sign-in and change of password by the user, and the administrator's actions.

use std::net::IpAddr;

use uuid::Uuid;

use crate::{
    limit::subscriber,
    metrics::count,
    problem::{Problem, ProblemKind},
    session::{Role, Session, SessionKind, Token},
    state::State,
    store::users::{self, User},
};

/// Adds a user. The values were checked.
pub async fn register(app: &State, address: IpAddr, name: &str, password: String) -> Result<User, Problem> {
    let from = subscriber(address).to_string();
    app.limits.take("register", &[&from], app.config.limits.register).await?;
    // This check comes before the expensive hash. The table's constraint decides.
    if users::by_name(&app.database, name).await?.is_some() {
        return Err(Problem::new(ProblemKind::Conflict, "That name is taken: choose another."));
    }
    let hash = app.passwords.hash(password).await?;
    let mut transaction = app.database.begin().await?;
    let user = users::add(&mut transaction, name, &hash, Role::User, false).await?;
    transaction.commit().await?;
    Ok(user)
}

/// Starts a session. The refusal is the same for a wrong name, a wrong password, and a disabled user.
pub async fn sign_in(
    app: &State,
    address: IpAddr,
    name: &str,
    password: String,
    kind: SessionKind,
) -> Result<(Session, Token), Problem> {
    let from = subscriber(address).to_string();
    let limited = app.limits.take("sign-in", &[name, &from], app.config.limits.sign_in).await;
    if limited.as_ref().is_err_and(|problem| problem.kind == ProblemKind::TooMany) {
        count(&app.metrics.sign_ins, "limited");
    }
    limited?;
    let found = users::by_name(&app.database, name).await?;
    let known = found.as_ref().map(|(_, hash)| hash.clone());
    let right = app.passwords.verify(password, known).await?;
    let Some((user, hash)) = found.filter(|(user, _)| right && !user.disabled) else {
        count(&app.metrics.sign_ins, "refused");
        return Err(wrong());
    };
    let (session, token) =
        app.sessions.create(user.id, user.role, user.must_change_password, kind, app.config.session).await?;
    // An administrator may have disabled the account, or changed its password, while the session was created.
    let now = users::by_id(&app.database, user.id).await?;
    if !now.is_some_and(|(now, now_hash)| !now.disabled && now_hash == hash) {
        app.sessions.end(session.id).await?;
        return Err(wrong());
    }
    count(&app.metrics.sign_ins, "done");
    Ok((session, token))
}

fn wrong() -> Problem {
    Problem::new(ProblemKind::SignInNeeded, "Name or password is wrong.")
}

/// Gives the user a new password, ends all sessions, and starts a new one.
pub async fn change_password(
    app: &State,
    session: &Session,
    address: IpAddr,
    old: String,
    new: String,
    kind: SessionKind,
) -> Result<(Session, Token), Problem> {
    let (whom, from) = (session.user.to_string(), subscriber(address).to_string());
    app.limits.take("password", &[&whom, &from], app.config.limits.sign_in).await?;
    if old == new {
        return Err(Problem::field("new_password", "must differ from the old one"));
    }
    let found = users::by_id(&app.database, session.user).await?;
    let Some((user, hash)) = found else { return Err(wrong()) };
    if !app.passwords.verify(old, Some(hash.clone())).await? {
        return Err(Problem::field("old_password", "is not your password"));
    }
    let new_hash = app.passwords.hash(new).await?;
    users::set_password(&app.database, user.id, &hash, &new_hash).await?;
    app.sessions.end_all(user.id).await?;
    app.sessions.create(user.id, user.role, false, kind, app.config.session).await
}

/// Disables or enables a user. A disabled user's sessions are over at once.
pub async fn set_disabled(app: &State, actor: &Session, id: Uuid, disabled: bool) -> Result<User, Problem> {
    if id == actor.user {
        return Err(Problem::new(ProblemKind::Conflict, "You cannot disable or enable yourself."));
    }
    let changed = users::set_disabled(&app.database, actor.user, id, disabled).await?;
    let user = changed.ok_or_else(|| Problem::new(ProblemKind::NotFound, "There is no such user."))?;
    if disabled {
        app.sessions.end_all(id).await?;
    }
    Ok(user)
}
