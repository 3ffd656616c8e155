//! Rules for the IAM roles: their permissions boundary and their path.

use provisioner_aws::Partition;
use provisioner_model::environment::Mistake;

use crate::environment::Environment;

/// Checks that the roles can have the boundary: it is a policy of AWS or of the account, in the region's partition. The
/// deploy role writes no policy, so that none needs to be refused for its name.
pub(super) fn boundary(env: &Environment) -> Vec<Mistake> {
    let path = "identity.permissions_boundary";
    let Some(arn) = env.identity.permissions_boundary.as_deref() else { return vec![] };
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, _, _, account, _] = parts[..] else {
        let hint = "such as arn:aws:iam::123456789012:policy/boundary";
        return vec![Mistake::new(path, format!("`{arn}` is not the ARN of a policy")).hint(hint)];
    };
    let mut mistakes = vec![];
    if let Some(expected) = Partition::of_region(&env.region).filter(|expected| expected.id != partition) {
        let what =
            format!("the policy is in the partition `{partition}`, and `{}` is in `{}`", env.region, expected.id);
        mistakes.push(Mistake::new(path, what).hint(format!("an ARN that begins with arn:{}:iam", expected.id)));
    }
    if let Some(stated) = env.account.as_deref().filter(|stated| account != "aws" && account != *stated) {
        let what = format!("the policy is in account {account}, and the environment in {stated}");
        mistakes.push(Mistake::new(path, what).hint("a policy of the same account, or one of AWS's own"));
    }
    mistakes
}

/// Refuses the paths of service-linked roles and of those that AWS manages itself.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
pub(super) fn path(env: &Environment) -> Vec<Mistake> {
    let path = env.identity.path();
    let reserved = ["/aws-service-role/", "/aws-reserved/"];
    let mistake = |start: &&str| {
        let what = format!("AWS uses paths that begin with `{start}`");
        Mistake::new("identity.path", what).hint("another path, such as /team/")
    };
    reserved.iter().filter(|start| path.starts_with(**start)).map(mistake).collect()
}

#[cfg(test)]
mod tests {
    use crate::environment::rules::tests::after;

    fn with(boundary: &str, path: Option<&str>) -> Vec<String> {
        after(|env| {
            env.account = Some("123456789012".into());
            env.identity.permissions_boundary = Some(boundary.into());
            env.identity.path = path.map(str::to_owned);
        })
    }

    #[test]
    fn boundary_is_a_policy_of_the_account_or_of_aws() {
        assert_eq!(with("arn:aws:iam::aws:policy/PowerUserAccess", None), [""; 0]);
        assert_eq!(with("arn:aws:iam::123456789012:policy/team/dev-boundary", None), [""; 0]);
        assert_eq!(
            with("arn:aws-cn:iam::210987654321:policy/boundary", None),
            [
                "identity.permissions_boundary: the policy is in the partition `aws-cn`, and `us-east-1` is in `aws` (an ARN that begins with arn:aws:iam)",
                "identity.permissions_boundary: the policy is in account 210987654321, and the environment in 123456789012 (a policy of the same account, or one of AWS's own)"
            ]
        );
        assert_eq!(with("arn:aws:iam::123456789012:policy/team/dev-boundary", Some("/team/")), [""; 0]);
        assert_eq!(with("boundary", None).len(), 1);
    }

    #[test]
    fn paths_of_aws_are_refused() {
        let path = |path: &str| after(|env| env.identity.path = Some(path.into()));
        assert_eq!(path("/team/app/"), [""; 0]);
        for reserved in ["/aws-service-role/", "/aws-reserved/team/"] {
            assert!(path(reserved)[0].starts_with("identity.path: AWS uses paths that begin with"), "{reserved}");
        }
    }
}
