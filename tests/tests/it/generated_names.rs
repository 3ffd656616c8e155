//! Generated names on an emulator: a name that AWS reserves after a delete is not used again.

use provisioner_aws::secrets::{Generated, ManagedSecret, SecretValue};
use provisioner_model::stack::{Desired, Stack};
use provisioner_tests::{Emulator, skipped};

use crate::engine::{EngineFixture, facts};

fn declared(declare: impl FnOnce(&mut Stack)) -> Desired {
    let mut stack = Stack::new(facts());
    declare(&mut stack);
    stack.finish().unwrap()
}

#[tokio::test]
async fn secret_with_a_recovery_window_is_created_again_after_a_destroy() {
    let Some(moto) = Emulator::moto() else {
        return skipped("secret_with_a_recovery_window_is_created_again_after_a_destroy", "moto is not installed");
    };
    let fixture = EngineFixture::on(&moto);
    let secret = declared(|stack| {
        let secret = ManagedSecret::new(SecretValue::Generated(Generated::letters_and_digits(20)));
        stack.add("signing-key", secret.recovery_window_in_days(30));
    });
    let nothing = declared(|_| {});
    for desired in [&secret, &nothing, &secret, &nothing, &secret] {
        let plan = fixture.plan(desired).await;
        let outcome = fixture.apply(&plan).await;
        assert!(outcome.is_complete(), "{outcome:?}");
    }
    assert!(fixture.plan(&secret).await.is_empty());
}
