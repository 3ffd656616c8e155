use provisioner_aws::ec2::{Subnet, Vpc};
use provisioner_model::Id;
use serde_json::json;

use super::Bench;

#[tokio::test]
async fn vpc_and_subnet() {
    let Some(bench) = Bench::moto("vpc_and_subnet") else { return };
    let mut vpc = bench.create(Vpc { dns_host_names: Some(true), ..Vpc::new("10.0.0.0/16") }).await;
    let changed = vpc.changed("dns_host_names", json!(false));
    vpc.update(changed).await;
    let id = Id::new(&*vpc.id).into();
    let mut subnet =
        bench.create(Subnet { public_ip_on_launch: Some(true), ..Subnet::new(id, "10.0.1.0/24", "us-east-1a") }).await;
    let changed = subnet.changed("public_ip_on_launch", json!(false));
    subnet.update(changed).await;
    subnet.delete().await;
    vpc.delete().await;
}
