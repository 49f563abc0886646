//! Just enough of the ELF format to tell whether a program needs a dynamic loader.

use anyhow::{Context as _, Result, ensure};

const PT_INTERP: u32 = 3;

/// Whether a 64-bit little-endian program names no loader, so that it runs where there are no libraries.
pub fn is_static(program: &[u8]) -> Result<bool> {
    ensure!(program.starts_with(b"\x7fELF\x02\x01"), "this is no 64-bit little-endian ELF program");
    let table = usize::try_from(u64::from_le_bytes(array(program, 32)?))?;
    let entry_size = usize::from(u16::from_le_bytes(array(program, 54)?));
    let entries = usize::from(u16::from_le_bytes(array(program, 56)?));
    for number in 0..entries {
        let kind = u32::from_le_bytes(array(program, table + number * entry_size)?);
        if kind == PT_INTERP {
            return Ok(false);
        }
    }
    Ok(true)
}

fn array<const N: usize>(program: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = program.get(at..at + N).context("the program is cut short")?;
    Ok(bytes.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_test_needs_a_loader_and_says_so() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_static(&program).unwrap());
    }

    #[test]
    fn scripts_and_torn_programs_are_errors() {
        assert!(is_static(b"#!/bin/sh\n").is_err());
        assert!(is_static(b"\x7fELF\x02\x01").is_err());
    }
}
