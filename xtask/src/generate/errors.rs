//! `docs/errors.md`, from the closed list of codes.

use super::{table_head, table_row};
use tenure_contract::Code;
use tenure_contract::error::Retry;

/// The page.
pub fn page() -> String {
    let mut out = String::from(
        "# Errors\n\nEvery error that leaves the system has one of these codes, over HTTP as an RFC 9457 problem, on the command line as \
         the exit status. `retry` says whether calling again can help: `never` the same call fails again, `later` it may \
         work in a while, `changed` the call must change first. The message names the value, what was expected and what \
         is possible now.\n\n",
    );
    out += &table_head(&["code", "HTTP", "exit", "retry", "about"]);
    for code in Code::ALL {
        let name = format!("`{code}`");
        let http = code.http_status().to_string();
        let exit = code.exit_status().to_string();
        out += &table_row(&[&name, &http, &exit, retry(code.retry()), code.about()]);
    }
    out
}

const fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::Never => "never",
        Retry::Later => "later",
        Retry::Changed => "changed",
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_code_has_its_row() {
        let page = super::page();
        for code in tenure_contract::Code::ALL {
            assert!(page.contains(&format!("\n| `{code}` | {} | ", code.http_status())), "{code}");
        }
    }
}
