//! What can be wrong with a definition, each with what was found and what is possible.

use tenure_contract::Code;

/// A definition nothing can be built from: its author's mistake, told before any run (`RT14`).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// The text is not a definition.
    #[error("{origin}, line {line}, column {column}: {message}")]
    Malformed {
        /// The file or field it came from.
        origin: String,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// No adapter of that name.
    #[error("`{found}` is not an adapter; expected one of {}", known.join(", "))]
    UnknownAdapter {
        /// What was given.
        found: String,
        /// Everything there is.
        known: Vec<&'static str>,
    },
    /// No tool of that name where the grant looks for it.
    #[error("`{found}` is not a built-in tool; expected one of {}", known.join(", "))]
    UnknownTool {
        /// What was given.
        found: String,
        /// Everything its scope offers.
        known: Vec<String>,
    },
    /// A name that is no tool's name (`T1`).
    #[error(
        "`{found}` is not a tool's name; expected a letter or `_`, then up to 63 letters, digits, \
         `_` or `-`"
    )]
    ToolName {
        /// What was given.
        found: String,
    },
    /// Two tools of one name (`RT5`).
    #[error("tool `{name}` is granted twice; give one of them another `name`")]
    DuplicateTool {
        /// The name.
        name: String,
    },
    /// A name kept for delegation (`RT5`, `RT10`).
    #[error("tool `{name}` cannot begin with `delegate_`, which is kept for delegation")]
    ReservedName {
        /// The name.
        name: String,
    },
    /// A tool that cannot be made as granted.
    #[error("tool `{tool}`: {message}")]
    Tool {
        /// The tool's name.
        tool: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A field that is missing, out of range or would be ignored.
    #[error("`{field}` {message}")]
    Field {
        /// The field, as a path in the definition.
        field: String,
        /// What is wrong and what was expected.
        message: String,
    },
    /// A file or variable the definition names and that cannot be used; only [`super::preflight`]
    /// looks.
    #[error("`{field}`: {message}")]
    Unusable {
        /// The field, as a path in the definition.
        field: String,
        /// What is wrong and what was expected.
        message: String,
    },
}

impl BuildError {
    /// The code it leaves the system with.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::UnknownAdapter { .. } | Self::UnknownTool { .. } => Code::UnknownName,
            Self::Malformed { .. } => Code::MalformedBody,
            Self::ToolName { .. }
            | Self::DuplicateTool { .. }
            | Self::ReservedName { .. }
            | Self::Tool { .. }
            | Self::Field { .. }
            | Self::Unusable { .. } => Code::InvalidArgument,
        }
    }

    pub(super) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field { field: field.into(), message: message.into() }
    }
}
