//! A subnet without its VPC.
use provisioner_aws::ec2::Subnet;
use provisioner_model::Stack;

fn stack(stack: &mut Stack) {
    stack.add("a", Subnet::new("10.0.1.0/24", "us-east-1a"));
}

fn main() {
    let _ = stack;
}
