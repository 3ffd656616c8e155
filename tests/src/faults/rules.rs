//! The rules of the proxy in their text form: `OPERATIONS[#COUNT][%CHANCE]=FAULT`.
//!
//! - `OPERATIONS`: `ec2:CreateSubnet`, `iam:*`, `*`, `changes` (every call that changes something), or `reads`; several
//!   are separated by commas.
//! - `COUNT`: the matching calls that the rule applies to, from 1: `3`, `3-5` or `3-`; or `once`, the first one
//!   that no rule before affects. Default: all.
//! - `CHANCE`: the chance of the fault in percent, by the proxy's seed. Default: 100.
//! - `FAULT`: the table of [`Fault::parse`]. `-after` passes the request on first.
//!
//! The first rule that applies to a call determines its fault; delays of all rules add up.

use std::{fmt, ops::RangeInclusive, str::FromStr, time::Duration};

/// A fault, and the calls that it affects.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    text: String,
    operations: Vec<String>,
    count: RangeInclusive<u64>,
    is_once: bool,
    /// From 0 to 1.
    chance: f64,
    fault: Fault,
}

/// Tells whether the endpoint receives the request before the fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Lost,
    Delivered,
}

/// A fault of one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Closes the connection without an answer.
    Drop(Delivery),
    /// Keeps the connection open without an answer, until the proxy's process ends.
    Hang(Delivery),
    /// Kills the program under test with SIGKILL.
    Kill(Delivery),
    /// Answers with this HTTP status and the service's code for it.
    Status(u16, Delivery),
    /// Answers as the service does above a rate, in calls per second. Without a rate, every call is throttled.
    Throttle(Option<f64>),
    /// Answers with this code and message and HTTP status 400. `{VpcId}` in the message stands for that member of the
    /// request; the rule applies only to requests that have it.
    Refuse { code: String, message: String },
    /// Passes the request on after a pause.
    Delay(Duration),
    /// Answers a read without the objects that were created within this time.
    Lag(Duration),
    /// Answers a read as the same read was answered within this time.
    Stale(Duration),
}

impl Fault {
    fn parse(text: &str) -> Option<Self> {
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let (base, delivery) = match name.strip_suffix("-after") {
            Some(base) => (base, Delivery::Delivered),
            None => (name.strip_suffix("-before").unwrap_or(name), Delivery::Lost),
        };
        let fault = match (base, argument) {
            ("cut", "") if name == "cut" => Self::Drop(Delivery::Lost),
            ("withhold", "") if name == "withhold" => Self::Drop(Delivery::Delivered),
            ("hang", "") => Self::Hang(delivery),
            ("kill", "") => Self::Kill(delivery),
            ("500" | "503", "") => Self::Status(base.parse().ok()?, delivery),
            ("throttle", "") if name == base => Self::Throttle(None),
            ("throttle", rate) if name == base => {
                Self::Throttle(Some(rate.parse().ok().filter(|rate: &f64| *rate > 0.0)?))
            }
            ("delay", milliseconds) if name == base => Self::Delay(Duration::from_millis(milliseconds.parse().ok()?)),
            ("lag", milliseconds) if name == base => Self::Lag(Duration::from_millis(milliseconds.parse().ok()?)),
            ("stale", milliseconds) if name == base => Self::Stale(Duration::from_millis(milliseconds.parse().ok()?)),
            ("refuse", answer) if name == base => {
                let (code, message) = answer.split_once(':').unwrap_or((answer, "refused by a fault rule"));
                if code.is_empty() {
                    return None;
                }
                Self::Refuse { code: code.to_owned(), message: message.to_owned() }
            }
            _ => return None,
        };
        Some(fault)
    }

    /// Returns the delivery of the request; delays and old answers pass it on themselves.
    pub(crate) fn delivery(&self) -> Delivery {
        match self {
            Self::Drop(delivery) | Self::Hang(delivery) | Self::Kill(delivery) | Self::Status(_, delivery) => *delivery,
            Self::Throttle(_) | Self::Refuse { .. } | Self::Delay(_) | Self::Lag(_) | Self::Stale(_) => Delivery::Lost,
        }
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid =
            |what: &str| format!("{what} in the fault rule {text:?}: expected OPERATIONS[#COUNT][%CHANCE]=FAULT");
        let (calls, fault) = text.trim().split_once('=').ok_or_else(|| invalid("no fault"))?;
        let (calls, chance) = match calls.split_once('%') {
            None => (calls, 1.0),
            Some((calls, percent)) => {
                let percent = percent.parse().ok().filter(|percent: &f64| (0.0..=100.0).contains(percent));
                (calls, percent.ok_or_else(|| invalid("invalid chance"))? / 100.0)
            }
        };
        let (operations, count) = match calls.split_once('#') {
            None => (calls, Some(1..=u64::MAX)),
            Some((operations, "once")) => (operations, Some(1..=1)),
            Some((operations, count)) => (operations, range(count)),
        };
        let operations: Vec<String> = operations.split(',').map(str::to_owned).collect();
        let is_valid = |name: &String| ["*", "changes", "reads"].contains(&name.as_str()) || name.contains(':');
        if !operations.iter().all(is_valid) {
            return Err(invalid("invalid operation"));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            operations,
            count: count.ok_or_else(|| invalid("invalid count"))?,
            is_once: calls.ends_with("#once"),
            chance,
            fault: Fault::parse(fault).ok_or_else(|| invalid("unknown fault"))?,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses `3`, `3-5` or `3-`.
fn range(text: &str) -> Option<RangeInclusive<u64>> {
    let range = match text.split_once('-') {
        None => text.parse().ok()?..=text.parse().ok()?,
        Some((from, "")) => from.parse().ok()?..=u64::MAX,
        Some((from, to)) => from.parse().ok()?..=to.parse().ok()?,
    };
    (*range.start() > 0 && !range.is_empty()).then_some(range)
}

impl Rule {
    pub(crate) fn fault(&self) -> &Fault {
        &self.fault
    }

    /// Returns whether the rule counts only calls that no rule before affects.
    pub(crate) fn is_once(&self) -> bool {
        self.is_once
    }

    /// Returns the members of a request that the answer names.
    pub(crate) fn members(&self) -> Vec<&str> {
        let Fault::Refuse { message, .. } = &self.fault else { return vec![] };
        message.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(member, _)| member).collect()
    }

    /// Returns whether the rule counts calls of this operation.
    pub(crate) fn matches(&self, operation: &str) -> bool {
        self.operations.iter().any(|pattern| match pattern.as_str() {
            "*" => true,
            "changes" => is_changing(operation),
            "reads" => !is_changing(operation),
            pattern => match pattern.strip_suffix('*') {
                Some(start) => operation.starts_with(start),
                None => operation == pattern,
            },
        })
    }

    /// Returns whether the fault occurs at the rule's call of this number.
    pub(crate) fn occurs(&self, number: u64, seed: u64) -> bool {
        self.count.contains(&number) && fraction(seed, number) < self.chance
    }
}

/// Returns whether an operation changes something in AWS, by its name.
pub fn is_changing(operation: &str) -> bool {
    // The last two are the methods of operations that have no name.
    const READS: [&str; 13] = [
        "Describe",
        "Get",
        "List",
        "Head",
        "BatchGet",
        "BatchCheck",
        "Filter",
        "Lookup",
        "Search",
        "Simulate",
        "Select",
        "GET ",
        "HEAD ",
    ];
    let name = operation.split_once(':').map_or(operation, |(_, name)| name);
    !operation.starts_with("sts:") && !READS.iter().any(|read| name.starts_with(read))
}

/// Returns a number from 0 to below 1 that only the arguments determine (`SplitMix64`).
fn fraction(seed: u64, number: u64) -> f64 {
    let mut bits = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[test]
    fn rules_match_operations_and_counts() {
        let one = rule("ec2:CreateSubnet#2=withhold");
        assert_eq!(one.fault, Fault::Drop(Delivery::Delivered));
        assert!(one.matches("ec2:CreateSubnet") && !one.matches("ec2:CreateSubnetCidrReservation"));
        assert_eq!([1, 2, 3].map(|number| one.occurs(number, 0)), [false, true, false]);
        assert!(rule("iam:*,s3:Put*#3-=hang-after").matches("s3:PutBucketPolicy"));
        assert!(rule("changes=cut").matches("ec2:CreateVpc") && !rule("changes=cut").matches("iam:ListRoles"));
        assert!(rule("reads=503").matches("sts:GetCallerIdentity"));
        let refuse = Fault::Refuse { code: "A.B".into(), message: "c: d".into() };
        assert_eq!(rule("*=refuse:A.B:c: d").fault, refuse);
    }

    #[test]
    fn chance_follows_the_seed() {
        let rare = rule("*%5=500");
        let hits = |seed| (1..=10_000).filter(|number| rare.occurs(*number, seed)).collect::<Vec<u64>>();
        assert!((400..600).contains(&hits(1).len()), "{}", hits(1).len());
        assert_eq!(hits(1), hits(1));
        assert_ne!(hits(1), hits(2));
    }

    #[test]
    fn invalid_rules_are_refused() {
        for text in
            ["ec2:CreateVpc", "vpc=cut", "*#0=cut", "*#5-3=cut", "*%101=cut", "*=explode", "*=refuse:", "*=cut-after"]
        {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
