//! Offers of database classes and quotas of RDS, which the emulators lack.

use crate::proxy::Message;

/// Versions that are offered.
const VERSIONS: &[&str] = &["13.20", "14.17", "15.12", "16.8", "17.4", "18.1"];

/// The first version with the classes of the newest generation here.
const FIRST_WITH_M8G: &str = "15.12";

/// Zones of every region here: the older zone `e` of `us-east-1` lacks the classes, as many do in AWS.
const ZONES: &[&str] = &["a", "b", "c", "d", "f"];

/// Returns the offers of the class that a request names, or the account's quotas; `None` for any other request.
pub(crate) fn answer(request: &Message) -> Option<Message> {
    match request.field("Action")?.as_str() {
        "DescribeOrderableDBInstanceOptions" => offers(request),
        "DescribeAccountAttributes" => {
            let quota = "<AccountQuotas><AccountQuota><AccountQuotaName>DBInstances</AccountQuotaName><Used>0</Used>\
                         <Max>40</Max></AccountQuota></AccountQuotas>";
            Some(result("DescribeAccountAttributes", quota))
        }
        _ => None,
    }
}

fn offers(request: &Message) -> Option<Message> {
    let (engine, class) = (request.field("Engine")?, request.field("DBInstanceClass")?);
    let is_offered = |version: &&&str| !class.starts_with("db.m8g.") || **version >= FIRST_WITH_M8G;
    let zone = |zone: &&str| format!("<AvailabilityZone><Name>{}{zone}</Name></AvailabilityZone>", request.region());
    let zones: String = ZONES.iter().map(zone).collect();
    let option = |version: &str, storage: &str| {
        format!(
            "<OrderableDBInstanceOption><Engine>{engine}</Engine><EngineVersion>{version}</EngineVersion>\
             <DBInstanceClass>{class}</DBInstanceClass><StorageType>{storage}</StorageType>\
             <MultiAZCapable>true</MultiAZCapable><Vpc>true</Vpc><AvailabilityZones>{zones}</AvailabilityZones>\
             </OrderableDBInstanceOption>"
        )
    };
    let offered = VERSIONS.iter().filter(is_offered);
    let options: String =
        offered.flat_map(|version| ["gp2", "gp3", "io1", "io2"].map(|storage| option(version, storage))).collect();
    let options = format!("<OrderableDBInstanceOptions>{options}</OrderableDBInstanceOptions>");
    Some(result("DescribeOrderableDBInstanceOptions", &options))
}

fn result(operation: &str, result: &str) -> Message {
    let body = format!(
        "<{operation}Response xmlns=\"http://rds.amazonaws.com/doc/2014-10-31/\"><{operation}Result>{result}\
         </{operation}Result></{operation}Response>"
    );
    Message::answer(200, "text/xml", body)
}
