//! SHA-256 in hex, for names and digests that must come out the same on every machine and in every version.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// The 64 hexadecimal digits of SHA-256.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_standards_example() {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(super::sha256("abc"), digest);
    }
}
