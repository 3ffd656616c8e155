//! An output that the type does not have.
use provisioner_aws::ec2::{Subnet, Vpc};
use provisioner_model::Stack;

fn stack(stack: &mut Stack) {
    let vpc = stack.add("main", Vpc::new("10.0.0.0/16"));
    stack.output("arn", vpc.get(Subnet::ARN));
}

fn main() {
    let _ = stack;
}
