//! Accounts, transfers, the audit trail.

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use uuid::Uuid;

use super::{
    forms::{Sent, Visitor},
    view::{Failure, Frame, Parameters, beside, show, to, user},
};
use crate::{
    api,
    input::{self, Checked},
    problem::{FieldError, Problem},
    session::Role,
    state::{App, State as AppState},
    store::{
        accounts::{self, Account},
        audit::{self, AuditEntry},
        transfers::TransferRequest,
    },
    web::QueryParameters,
};

const PART: i64 = 50;

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    frame: Frame,
    accounts: Vec<Account>,
    /// Values of the submitted forms.
    name: String,
    opening: String,
    from: String,
    to: String,
    amount: String,
    /// Of the next transfer: the same form sent twice moves the money once.
    key: String,
}

impl AccountsPage {
    async fn new(app: &AppState, visitor: &Visitor) -> Result<Self, Failure> {
        let accounts = accounts::list(&app.database, user(visitor)?.user).await?;
        Ok(Self {
            frame: Frame::new("Accounts", "accounts", visitor),
            accounts,
            name: String::new(),
            opening: "100.00".into(),
            from: String::new(),
            to: String::new(),
            amount: String::new(),
            key: Uuid::new_v4().to_string(),
        })
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    entries: Vec<AuditEntry>,
    /// Start of the next part, if there is one.
    next: Option<i64>,
    all: bool,
    me: Uuid,
    /// Accounts of the signed-in user.
    accounts: Vec<Account>,
}

impl AuditPage {
    /// Returns the user's name for an account; other accounts are shown by their IDs.
    fn name(&self, id: &Uuid) -> Option<&str> {
        if *id == self.me {
            return Some("you");
        }
        self.accounts.iter().find(|account| account.id == *id).map(|account| account.name.as_str())
    }
}

#[derive(Deserialize)]
pub(super) struct Opening {
    #[serde(default)]
    name: String,
    #[serde(default)]
    opening: String,
}

#[derive(Deserialize)]
pub(super) struct Order {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    key: String,
}

pub(super) async fn overview(
    State(app): State<App>,
    visitor: Visitor,
    QueryParameters(parameters): QueryParameters<Parameters>,
) -> Result<Response, Failure> {
    let mut page = AccountsPage::new(&app, &visitor).await?;
    page.frame = page.frame.done(parameters.done.as_deref());
    show(StatusCode::OK, &visitor, &page)
}

pub(super) async fn open(State(app): State<App>, sent: Sent<Opening>) -> Result<Response, Failure> {
    let session = user(&sent.visitor)?;
    let (name, opening) = (sent.fields.name.trim(), input::amount(&sent.fields.opening));
    let checked = Checked::default().label("name", name).opening("opening", opening.unwrap_or(-1)).end();
    let done = match checked {
        Ok(()) => accounts::open(&app.database, session.user, name, opening.unwrap_or(0)).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    let Err(problem) = done else { return Ok(to("/accounts?done=opened")) };
    let (status, errors) = beside(problem, "name")?;
    let mut page = AccountsPage::new(&app, &sent.visitor).await?;
    page.frame.errors = errors;
    (page.name, page.opening) = (sent.fields.name, sent.fields.opening);
    show(status, &sent.visitor, &page)
}

pub(super) async fn transfer(State(app): State<App>, sent: Sent<Order>) -> Result<Response, Failure> {
    let session = user(&sent.visitor)?;
    let done = match read(&sent.fields) {
        Ok(request) => api::carry_out(&app, session.user, &request).await.map(|_| ()),
        Err(problem) => Err(problem),
    };
    let Err(problem) = done else { return Ok(to("/accounts?done=transferred")) };
    let (status, errors) = beside(problem, "amount")?;
    let mut page = AccountsPage::new(&app, &sent.visitor).await?;
    page.frame.errors = errors;
    (page.from, page.to, page.amount) = (sent.fields.from, sent.fields.to, sent.fields.amount);
    show(status, &sent.visitor, &page)
}

fn read(order: &Order) -> Result<TransferRequest, Problem> {
    let id = |text: &str| Uuid::try_parse(text.trim()).ok();
    let (from, to, amount) = (id(&order.from), id(&order.to), input::amount(&order.amount));
    if let (Some(from), Some(to), Some(amount)) = (from, to, amount) {
        return Ok(TransferRequest { key: order.key.clone(), from, to, amount });
    }
    let wrong = [
        ("from", from.is_none(), "choose one of your accounts"),
        ("to", to.is_none(), "is no account's id"),
        ("amount", amount.is_none(), "is no amount such as 12.34"),
    ];
    let errors = wrong.into_iter().filter(|(_, is, _)| *is);
    Err(Problem::invalid(errors.map(|(field, _, why)| FieldError { field, message: why.into() }).collect()))
}

pub(super) async fn audit(
    State(app): State<App>,
    visitor: Visitor,
    QueryParameters(parameters): QueryParameters<Parameters>,
) -> Result<Response, Failure> {
    let session = user(&visitor)?;
    let all = session.role == Role::Admin;
    let entries = audit::list(&app.database, session.user, all, parameters.before.unwrap_or(i64::MAX), PART).await?;
    let next = entries.last().map(|entry| entry.id).filter(|_| i64::try_from(entries.len()) == Ok(PART));
    let accounts = accounts::list(&app.database, session.user).await?;
    let frame = Frame::new("Audit trail", "audit", &visitor);
    show(StatusCode::OK, &visitor, &AuditPage { frame, entries, next, all, me: session.user, accounts })
}
