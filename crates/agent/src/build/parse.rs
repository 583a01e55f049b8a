//! A definition from TOML, with the place of every mistake.

use super::BuildError;
use tenure_contract::agent::AgentDefinition;

/// Reads a definition. `origin` is what a person calls the text: a path, a field.
///
/// ```
/// let text = "name = \"clerk\"\nmodle = 1\n";
/// let told = tenure_agent::build::parse(text, "agent.toml").unwrap_err().to_string();
/// assert!(told.starts_with("agent.toml, line 2, column 1: unknown field `modle`"), "{told}");
/// ```
///
/// # Errors
/// [`BuildError::Malformed`] with line and column; what the values mean is checked by
/// [`super::build`].
pub fn parse(toml: &str, origin: &str) -> Result<AgentDefinition, BuildError> {
    toml::from_str(toml).map_err(|error| malformed(&error, toml, origin))
}

fn malformed(error: &toml::de::Error, text: &str, origin: &str) -> BuildError {
    let (line, column) = place(text, error.span().map_or(0, |span| span.start));
    let message = error.message().trim().replace('\n', "; ");
    BuildError::Malformed { origin: origin.to_owned(), line, column, message }
}

/// Line and column of a byte, from 1.
pub(crate) fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
