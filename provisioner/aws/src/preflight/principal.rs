//! The identity whose policies IAM simulates.

use super::Context;
use crate::{cloud::Identity, prelude::*};

/// Returns the ARN of the caller's user or role; `None` for other identities, such as the root user.
pub(super) async fn principal<'c>(context: &'c Context<'_>) -> Result<Option<&'c str>> {
    let principal = context.principal.get_or_try_init(|| ask_for_principal(context)).await?;
    Ok(principal.as_deref())
}

async fn ask_for_principal(context: &Context<'_>) -> Result<Option<String>> {
    let identity = context.aws.identity().await?;
    let Some(role) = role_of(&identity) else {
        return Ok(Some(identity.arn.clone()).filter(|arn| arn.contains(":iam:") && arn.contains(":user/")));
    };
    // The session's ARN lacks the role's path.
    let answer = context.reader.iam().get_role().role_name(role).send().await.map_err(api("iam:GetRole"))?;
    Ok(answer.role().map(|role| role.arn().to_owned()))
}

/// Returns the name of the role of a session: `arn:aws:sts::123456789012:assumed-role/NAME/SESSION`.
pub(super) fn role_of(identity: &Identity) -> Option<&str> {
    identity.arn.split_once(":assumed-role/")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_of_a_session_is_its_name() {
        let arn = |arn: &str| Identity { account: "123456789012".to_owned(), arn: arn.to_owned() };
        let session = arn("arn:aws:sts::123456789012:assumed-role/dev-deploy/provisioner");
        assert_eq!(role_of(&session), Some("dev-deploy"));
        assert_eq!(role_of(&arn("arn:aws:iam::123456789012:user/somebody")), None);
    }
}
