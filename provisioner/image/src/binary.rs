//! Checks of a binary's ELF header: its processor, and whether it is statically linked.

use std::fmt;

use object::{
    Endianness,
    elf::{EM_AARCH64, EM_X86_64, PT_INTERP},
    read::{
        Object as _,
        elf::{ElfFile64, FileHeader as _, ProgramHeader as _},
    },
};
use serde::{Deserialize, Serialize};

use crate::error::BinaryError;

/// The processor that an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit x86 processors of Intel and AMD.
    #[serde(rename = "x86_64")]
    X8664,
    /// 64-bit ARM processors, such as AWS Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Returns the name in environment files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::X8664 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the name in image manifests.
    pub const fn oci(self) -> &'static str {
        match self {
            Self::X8664 => "amd64",
            Self::Arm64 => "arm64",
        }
    }

    /// Returns the name of Cargo's target.
    pub const fn target(self) -> &'static str {
        match self {
            Self::X8664 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Refuses a binary that would not run in an image with nothing else in it, on this processor.
pub(crate) fn check(bytes: &[u8], wanted: Architecture) -> Result<(), BinaryError> {
    let elf = ElfFile64::<Endianness>::parse(bytes).map_err(BinaryError::NoElf)?;
    let endian = elf.endian();
    let architecture = match elf.elf_header().e_machine(endian) {
        EM_X86_64 => Architecture::X8664,
        EM_AARCH64 => Architecture::Arm64,
        machine => return Err(BinaryError::Processor { machine: machine.0 }),
    };
    if architecture != wanted {
        return Err(BinaryError::Other { is: architecture, wanted });
    }
    let interpreted = elf.elf_program_headers().iter().any(|segment| segment.p_type(endian) == PT_INTERP);
    let mut needs = vec![];
    // If the list cannot be read, the interpreter alone proves dynamic linking.
    if let Ok(libraries) = elf.import_libraries() {
        let names = libraries.filter_map(Result::ok);
        needs.extend(names.map(|library| String::from_utf8_lossy(library.name()).into_owned()));
    }
    if interpreted || !needs.is_empty() { Err(BinaryError::Dynamic { needs }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn non_elf_file_is_refused() {
        assert!(matches!(check(b"#!/bin/sh\n", Architecture::X8664), Err(BinaryError::NoElf(_))));
        assert!(matches!(check(b"", Architecture::X8664), Err(BinaryError::NoElf(_))));
    }

    #[test]
    fn dynamic_binary_is_refused_with_its_libraries() {
        // The test binary itself is dynamically linked.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let (here, other) = if cfg!(target_arch = "x86_64") {
            (Architecture::X8664, Architecture::Arm64)
        } else {
            (Architecture::Arm64, Architecture::X8664)
        };
        let error = check(&own, here).unwrap_err();
        assert!(error.to_string().contains("libc.so.6"), "{error}");
        let error = check(&own, other).unwrap_err();
        assert_eq!(error.to_string(), format!("expected a binary for {other}, found one for {here}"));
    }
}
