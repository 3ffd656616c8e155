//! `aws:kms:alias`: a name for a key, which can point to another key later.
//!
//! The name is all that an alias is, so a change to it replaces it.
//! API: <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>

use std::sync::Arc;

use aws_sdk_kms::types::AliasListEntry;

use super::Key;
use crate::prelude::*;

/// AWS's rules for the name.
const NAME_RULE: NameRule = NameRule {
    pattern: r"^alias/[A-Za-z0-9/_-]+$",
    reserved_prefixes: &["alias/aws/"],
    page: "https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html",
    ..NameRule::ANY
};

/// A name for a key.
#[derive(Clone, Debug, PartialEq, Resource)]
#[resource(type = "aws:kms:alias", cloudformation = "AWS::KMS::Alias", create = "kms:CreateAlias", unique(alias_name))]
pub struct Alias {
    /// `alias/…`; generated if absent.
    #[field(replaces, name(max = 256, prefix = "alias/", rule = NAME_RULE))]
    pub alias_name: Option<String>,
    /// The key.
    pub target_key_id: In<Id<Key>>,
}

/// The outputs of an alias.
#[derive(Clone, Debug, PartialEq, Outputs)]
pub struct AliasOutputs {
    /// The alias's name.
    pub id: Id<Alias>,
    /// The alias's ARN.
    pub arn: String,
}

impl Resource for Alias {
    const IDEMPOTENT_CREATE: bool = true;
    const ACTIONS: Actions = Actions {
        read: &["kms:ListAliases"],
        create: &["kms:CreateAlias"],
        update: &["kms:UpdateAlias"],
        delete: &["kms:DeleteAlias"],
    };
    type Cloud = Aws;
    type Outputs = AliasOutputs;

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
        all.iter().filter(|alias| alias.alias_name() == self.alias_name.as_deref()).map(id_of).collect()
    }

    async fn create(&self, c: &Writer, _: &Owner) -> Result<Created<Self>> {
        let request = set_inputs!(c.kms().create_alias(), self => alias_name, target_key_id);
        request.send().await.map_err(api("kms:CreateAlias"))?;
        Ok((Id::new(self.alias_name.clone().unwrap_or_default()), None))
    }

    async fn update(&self, c: &Writer, recorded: &Recorded<Self>, observed: &Observed<Self>) -> Result<Updated> {
        if ChangedFields::between(self, &recorded.inputs, &observed.inputs).contains(Field::TargetKeyId) {
            let request = c.kms().update_alias().alias_name(recorded.id.as_str());
            let request = set_inputs!(request, self => target_key_id);
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
        let pages = c.kms().list_aliases().limit(100).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.map_err(api(READ))
    })
    .await
}

fn id_of(alias: &AliasListEntry) -> Result<Id<Alias>> {
    member(READ, "AliasName", alias.alias_name())
}

/// The only place where the SDK's type becomes ours.
fn to_observed(alias: &AliasListEntry) -> Result<Observed<Alias>> {
    Ok(Observed {
        inputs: from_sdk!(READ, alias => Alias {
            alias_name; target_key_id: Id::new(alias.target_key_id().unwrap_or_default()).into()
        }),
        outputs: from_sdk!(READ, alias => AliasOutputs { id = alias_name, arn = alias_arn }),
    })
}
