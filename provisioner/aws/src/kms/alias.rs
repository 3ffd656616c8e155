//! `aws:kms:alias` — a name for a key, which can point to another one later.
//!
//! The name is all that an alias is, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>

use std::sync::Arc;

use aws_sdk_kms::types::AliasListEntry;
use provisioner_model::{
    error::Result,
    expr::In,
    resource::{Actions, Created, Field, Id, Name, Observed, Owner, Problem, ReadResults, Receipt, Recorded, Resource},
    stack::Output,
};
use serde::{Deserialize, Serialize};

use super::Key;
use crate::{
    cloud::{Aws, Reader, Writer},
    error::{api, gone_ok, need},
    value::text,
};

/// A name for a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alias {
    /// `alias/…`; generated where not stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Key of the alias.
    pub key: In<Id<Key>>,
}

/// The outputs of an alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AliasOutputs {
    /// The name of the alias.
    pub id: Id<Alias>,
    /// The ARN of the alias.
    pub arn: String,
}

impl Alias {
    /// The ARN of the alias.
    pub const ARN: Output<Self, String> = Output::new("arn");

    /// A name for this key.
    pub fn new(key: In<Id<Key>>) -> Self {
        Self { name: None, key }
    }
}

impl Resource for Alias {
    const TYPE: &'static str = "aws:kms:alias";
    const FIELDS: &'static [Field] = &[Field::new("name").replaces(), Field::new("key")];
    const UNIQUE: &'static [&'static [&'static str]] = &[&["name"]];
    const NAME: Option<Name> = Some(Name { prefix: "alias/", ..Name::new("name", 256) });
    const ACTIONS: Actions = Actions {
        read: &["kms:ListAliases"],
        create: &["kms:CreateAlias"],
        update: &["kms:UpdateAlias"],
        delete: &["kms:DeleteAlias"],
    };
    type Cloud = Aws;
    type Outputs = AliasOutputs;

    fn problems(&self) -> Vec<Problem> {
        let wrong = self
            .name
            .as_deref()
            .is_some_and(|name| !name.starts_with("alias/") || name.starts_with("alias/aws/") || name == "alias/");
        if wrong { vec![Problem::new("name", "must start with `alias/`, but not with `alias/aws/`")] } else { vec![] }
    }

    async fn read_many(c: &Reader, ids: &[Id<Self>]) -> Result<ReadResults<Self>> {
        let all = listed(c).await?;
        let ours = all.iter().filter(|alias| ids.iter().any(|id| Some(id.as_str()) == alias.alias_name()));
        ours.map(|alias| Ok((id_of(alias)?, to_observed(alias)))).collect()
    }

    async fn find_by_token(&self, c: &Reader, _: &Owner) -> Result<Vec<Id<Self>>> {
        self.find_by_unique_key(c).await
    }

    async fn find_by_unique_key(&self, c: &Reader) -> Result<Vec<Id<Self>>> {
        let all = listed(c).await?;
        all.iter().filter(|alias| alias.alias_name() == self.name.as_deref()).map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = c.kms().create_alias().set_alias_name(self.name.clone()).set_target_key_id(text(&self.key));
        request.send().await.map_err(api("kms:CreateAlias"))?;
        Ok((Id::new(self.name.clone().unwrap_or_default()), None))
    }

    async fn update(
        &self,
        c: &Writer,
        recorded: &Recorded<Self>,
        observed: &Observed<Self>,
    ) -> Result<Option<Receipt>> {
        if self.key != observed.inputs.key {
            let request = c.kms().update_alias().alias_name(recorded.id.as_str()).set_target_key_id(text(&self.key));
            request.send().await.map_err(api("kms:UpdateAlias"))?;
        }
        Ok(None)
    }

    async fn delete(c: &Writer, recorded: &Recorded<Self>) -> Result<()> {
        let answer = c.kms().delete_alias().alias_name(recorded.id.as_str()).send().await;
        gone_ok(answer.map(drop).map_err(api("kms:DeleteAlias")))
    }
}

const READ: &str = "kms:ListAliases";

async fn listed(c: &Reader) -> Result<Arc<Vec<AliasListEntry>>> {
    c.once("kms:aliases", || async {
        let mut pages = c.kms().list_aliases().limit(100).into_paginator().items().send();
        let mut aliases = vec![];
        while let Some(alias) = pages.try_next().await.map_err(api(READ))? {
            aliases.push(alias);
        }
        Ok(aliases)
    })
    .await
}

fn id_of(alias: &AliasListEntry) -> Result<Id<Alias>> {
    need(READ, alias.alias_name(), "AliasName").map(Id::new)
}

/// The only place where the SDK's type becomes ours.
fn to_observed(alias: &AliasListEntry) -> Result<Observed<Alias>> {
    Ok(Observed {
        inputs: Alias {
            name: alias.alias_name().map(str::to_owned),
            key: Id::new(alias.target_key_id().unwrap_or_default()).into(),
        },
        outputs: AliasOutputs { id: id_of(alias)?, arn: need(READ, alias.alias_arn(), "AliasArn")? },
    })
}
