//! The binary: hands the command line to the library and its answer to the shell.

use std::process::ExitCode;

/// Half of what a commit costs the processor is allocation; this allocator halves that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    tenure::cli::main()
}
