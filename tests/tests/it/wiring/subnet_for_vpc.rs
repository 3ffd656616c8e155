//! A subnet's id where a VPC's is wanted.
use provisioner_aws::ec2::{Subnet, Vpc};
use provisioner_model::Stack;

fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    let subnet = stack.add("a", Subnet::new(vpc.id(), "10.0.1.0/24", "us-east-1a"));
    stack.add("b", Subnet::new(subnet.id(), "10.0.2.0/24", "us-east-1a"));
}

fn main() {
    let _ = stack;
}
