//! The command line of the workspace's own tasks.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use xtask::{Tree, generate, report, rules, status};

const USAGE: &str = "\
cargo xtask tidy               check every rule of the workspace
cargo xtask tidy --report      list the longest functions and files and the most arguments
cargo xtask generate           write the generated files under docs/
cargo xtask generate --check   say which generated files are not current
cargo xtask generate --freeze  promise what was added to the wire and the format, for a release
cargo xtask generate --thaw    write changed vectors and promises too; only before the first release
cargo xtask status --suggest   print, for every requirement, the tests found by name
cargo xtask status --write     write those tests into docs/status.md";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = workspace_root();
    let done = match words.as_slice() {
        ["tidy"] => tidy(&root),
        ["tidy", "--report"] => read(&root).map(|tree| print!("{}", report::report(&tree))),
        ["generate"] => generate::write(&root, generate::Vectors::Frozen),
        ["generate", "--freeze"] => generate::write(&root, generate::Vectors::Freezing),
        ["generate", "--thaw"] => generate::write(&root, generate::Vectors::Thawed),
        ["generate", "--check"] => generate::check(&root),
        ["status", "--suggest"] => read(&root).map(|tree| print!("{}", status::suggest(&tree))),
        ["status", "--write"] => status::write(&root),
        ["help" | "--help"] => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(format!("`{}` is not a task; there are:\n{USAGE}", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

fn read(root: &Path) -> Result<Tree, String> {
    Tree::read(root).map_err(|e| format!("`{}` cannot be read: {e}", root.display()))
}

fn tidy(root: &Path) -> Result<(), String> {
    let findings = rules::all(&read(root)?);
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("tidy: {count} findings")),
    }
}
