//! Wrong wiring must not compile.

#[test]
fn wrong_wiring_does_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/it/wiring/*.rs");
}
