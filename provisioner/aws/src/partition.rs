//! AWS's partitions: groups of regions with separate accounts, ARNs and DNS suffixes.
//!
//! The table has the regions' pattern, the ID and the DNS suffix of botocore's `partitions.json` (botocore 1.44.5, checked
//! by `tests/tests/it/partitions.rs`). What differs by partition beyond that has its source beside it.

use regex_lite::Regex;

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// The second part of every ARN: `aws-cn`.
    pub id: &'static str,
    /// The pattern of the partition's regions.
    pub region_pattern: &'static str,
    /// The suffix of the partition's endpoints.
    pub dns_suffix: &'static str,
    /// Services and connections that the partition lacks, each as a clause with a reason.
    pub lacks: &'static [&'static str],
}

/// GitHub's jobs need the internet: AWS fetches the keys of the token issuer.
const NO_INTERNET: &str = "a connection to the internet, which GitHub's jobs need to get a role";
/// No endpoint of `wafv2` in botocore's `endpoints.json`.
const NO_WAF: &str = "AWS WAF";

/// All partitions, with the pattern of `aws` last: `eu-isoe-west-1` has its own.
pub const PARTITIONS: [Partition; 8] = [
    Partition { id: "aws-cn", region_pattern: r"^cn\-\w+\-\d+$", dns_suffix: "amazonaws.com.cn", lacks: &[] },
    Partition { id: "aws-eusc", region_pattern: r"^eusc\-(de)\-\w+\-\d+$", dns_suffix: "amazonaws.eu", lacks: &[] },
    Partition {
        id: "aws-iso",
        region_pattern: r"^us\-iso\-\w+\-\d+$",
        dns_suffix: "c2s.ic.gov",
        lacks: &[NO_INTERNET],
    },
    Partition {
        id: "aws-iso-b",
        region_pattern: r"^us\-isob\-\w+\-\d+$",
        dns_suffix: "sc2s.sgov.gov",
        lacks: &[NO_INTERNET],
    },
    Partition {
        id: "aws-iso-e",
        region_pattern: r"^eu\-isoe\-\w+\-\d+$",
        dns_suffix: "cloud.adc-e.uk",
        lacks: &[NO_INTERNET, NO_WAF],
    },
    Partition {
        id: "aws-iso-f",
        region_pattern: r"^us\-isof\-\w+\-\d+$",
        dns_suffix: "csp.hci.ic.gov",
        lacks: &[NO_INTERNET, NO_WAF],
    },
    Partition { id: "aws-us-gov", region_pattern: r"^us\-gov\-\w+\-\d+$", dns_suffix: "amazonaws.com", lacks: &[] },
    STANDARD,
];

/// The partition of every region outside the others.
pub const STANDARD: Partition = Partition {
    id: "aws",
    region_pattern: r"^(us|eu|ap|sa|ca|me|af|il|mx)\-\w+\-\d+$",
    dns_suffix: "amazonaws.com",
    lacks: &[],
};

/// The identity with which a load balancer writes its access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogDelivery {
    /// A service principal.
    Service(&'static str),
    /// An account of Elastic Load Balancing.
    Account(&'static str),
}

impl Partition {
    /// The partition with this ID.
    pub fn named(id: &str) -> Option<Self> {
        PARTITIONS.into_iter().find(|partition| partition.id == id)
    }

    /// The partition of a region, by its name alone; `None` if no pattern matches.
    pub fn of_region(region: &str) -> Option<Self> {
        PARTITIONS.into_iter().find(|one| Regex::new(one.region_pattern).is_ok_and(|regex| regex.is_match(region)))
    }

    /// The partition in which a client of this region sends its requests: the SDK treats a region that no pattern matches
    /// as one of the standard partition.
    pub fn of_client(region: &str) -> Self {
        Self::of_region(region).unwrap_or(STANDARD)
    }

    /// The partition in an ARN; `None` if the text is not an ARN of a known partition.
    pub fn of_arn(arn: &str) -> Option<Self> {
        Self::named(arn.strip_prefix("arn:")?.split(':').next()?)
    }

    /// The service principal of CloudWatch Logs in a region. It is one of the few principals with a region, and with the
    /// partition's suffix: all others that the bundled stack uses end in `amazonaws.com` everywhere.
    /// <https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/meta/service_principal_data_source.go>
    pub fn logs_principal(self, region: &str) -> String {
        let suffix = match self.id {
            "aws-cn" | "aws-iso" | "aws-iso-b" => self.dns_suffix,
            _ => STANDARD.dns_suffix,
        };
        format!("logs.{region}.{suffix}")
    }

    /// The value of the condition key `kms:ViaService` for requests through a service: the name of its endpoint.
    /// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service>
    pub fn via_service(self, service: &str, region: &str) -> String {
        format!("{service}.{region}.{}", self.dns_suffix)
    }

    /// The identity that writes a load balancer's access logs in a region. The regions in China have accounts of Elastic
    /// Load Balancing, as in the AWS CDK's region facts; all other regions have the service principal.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html>
    pub fn log_delivery(self, region: &str) -> LogDelivery {
        match region {
            "cn-north-1" => LogDelivery::Account("638102146993"),
            "cn-northwest-1" => LogDelivery::Account("037604701340"),
            _ => LogDelivery::Service("logdelivery.elasticloadbalancing.amazonaws.com"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_and_arns_have_their_partition() {
        for (region, partition) in [
            ("us-east-1", "aws"),
            ("mx-central-1", "aws"),
            ("eusc-de-east-1", "aws-eusc"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("eu-isoe-west-1", "aws-iso-e"),
            ("us-isof-south-1", "aws-iso-f"),
        ] {
            assert_eq!(Partition::of_region(region).map(|one| one.id), Some(partition), "{region}");
            let arn = format!("arn:{partition}:sts::123456789012:assumed-role/r/s");
            assert_eq!(Partition::of_arn(&arn).map(|one| one.id), Some(partition));
        }
        assert_eq!(Partition::of_region("us-east"), None);
        assert_eq!(Partition::of_arn("arn:aws-x:sts::1:user/u"), None);
        assert_eq!(Partition::of_arn("123456789012"), None);
    }

    #[test]
    fn principals_have_the_suffix_of_their_partition() {
        let of = |region: &str| Partition::of_region(region).unwrap();
        let logs = |region: &str| of(region).logs_principal(region);
        assert_eq!(logs("eu-west-1"), "logs.eu-west-1.amazonaws.com");
        assert_eq!(logs("us-gov-west-1"), "logs.us-gov-west-1.amazonaws.com");
        assert_eq!(logs("cn-north-1"), "logs.cn-north-1.amazonaws.com.cn");
        assert_eq!(logs("us-iso-east-1"), "logs.us-iso-east-1.c2s.ic.gov");
        let via = |region: &str| of(region).via_service("secretsmanager", region);
        assert_eq!(via("eusc-de-east-1"), "secretsmanager.eusc-de-east-1.amazonaws.eu");
        assert_eq!(via("cn-northwest-1"), "secretsmanager.cn-northwest-1.amazonaws.com.cn");
        assert_eq!(of("cn-north-1").log_delivery("cn-north-1"), LogDelivery::Account("638102146993"));
    }
}
