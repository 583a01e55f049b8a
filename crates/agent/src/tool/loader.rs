//! Where tools come from: a host's seam (`HST-1`), and the built-in tools behind it.

use super::ask_human::AskHuman;
use super::http_action::HttpAction;
use super::http_request::HttpRequest;
use super::list_files::ListFiles;
use super::read_file::ReadFile;
use super::todos::Todos;
use super::write_file::WriteFile;
use super::{BadGrant, Tool};
use crate::secrets::Secrets;
use std::sync::Arc;
use tenure_contract::agent::{ToolGrant, ToolScope};

/// Loads the tools of scopes (`TGT-3`): what an agent is granted in `global` and in its target's own.
/// Building an agent asks for nothing else, and a tool is made ready when it is first called (`T7`).
pub trait ToolLoader: Send + Sync {
    /// The names a grant may say in that scope.
    fn offers(&self, scope: ToolScope) -> Vec<String>;
    /// Makes the tool a grant describes; its `use` is one of what the scope offers. Opens nothing and
    /// reveals no secret.
    ///
    /// # Errors
    /// What is wrong with the grant.
    fn load(
        &self,
        scope: ToolScope,
        grant: &ToolGrant,
        secrets: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn Tool>, BadGrant>;
}

/// What a built-in tool's name in a definition stands for.
type MakeTool = fn(&ToolGrant, &Arc<dyn Secrets>) -> Result<Arc<dyn Tool>, BadGrant>;

/// Every built-in tool; a new one is one line here.
const TOOLS: &[(&str, MakeTool)] = &[
    ("read_file", |grant, _| Ok(Arc::new(ReadFile::new(grant)))),
    ("write_file", |grant, _| Ok(Arc::new(WriteFile::new(grant)))),
    ("list_files", |grant, _| Ok(Arc::new(ListFiles::new(grant)))),
    ("http_request", |grant, _| Ok(Arc::new(HttpRequest::new(grant)?))),
    ("http_action", |grant, secrets| Ok(Arc::new(HttpAction::new(grant, secrets)?))),
    ("ask_human", |grant, _| Ok(Arc::new(AskHuman::new(grant)))),
    ("todos", |grant, _| Ok(Arc::new(Todos::new(grant)))),
];

/// The built-in tools, in every scope.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIns;

impl ToolLoader for BuiltIns {
    fn offers(&self, _: ToolScope) -> Vec<String> {
        TOOLS.iter().map(|(name, _)| (*name).to_owned()).collect()
    }

    fn load(
        &self,
        _: ToolScope,
        grant: &ToolGrant,
        secrets: &Arc<dyn Secrets>,
    ) -> Result<Arc<dyn Tool>, BadGrant> {
        let make = TOOLS.iter().find(|(name, _)| *name == grant.builtin);
        let Some((_, make)) = make else {
            return Err(BadGrant::new(format!("`{}` is not a built-in tool", grant.builtin)));
        };
        make(grant, secrets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secrets::NoSecrets;
    use std::path::Path;
    use std::sync::Mutex;

    /// Offers another tool in every scope, and remembers what it was asked for.
    #[derive(Default)]
    struct Scoped(Mutex<Vec<(ToolScope, String)>>);

    impl ToolLoader for Scoped {
        fn offers(&self, scope: ToolScope) -> Vec<String> {
            let name = match scope {
                ToolScope::Global => "clock",
                ToolScope::Sandbox => "browse",
                ToolScope::Local => "shell",
            };
            vec![name.to_owned()]
        }
        fn load(
            &self,
            scope: ToolScope,
            grant: &ToolGrant,
            _: &Arc<dyn Secrets>,
        ) -> Result<Arc<dyn Tool>, BadGrant> {
            self.0.lock().unwrap().push((scope, grant.builtin.clone()));
            Ok(Arc::new(crate::conformance::Counted::named(&grant.builtin)))
        }
    }

    fn built(target: &str, grants: &str, loader: &dyn ToolLoader) -> Result<Vec<String>, String> {
        let text = format!(
            "name = \"x\"\ntarget = \"{target}\"\n[model]\nadapter = \"scripted\"\nfile = \"s.toml\"\n{grants}"
        );
        let definition = crate::build::parse(&text, "test").unwrap();
        let secrets: Arc<dyn Secrets> = Arc::new(NoSecrets);
        let agent = crate::build_with(&definition, Path::new("."), loader, &secrets);
        let agent = agent.map_err(|why| why.to_string())?;
        Ok(agent.tool_names().into_iter().map(str::to_owned).collect())
    }

    const ALL: &str = "[[tools]]\nuse = \"clock\"\n[[tools]]\nuse = \"browse\"\nscope = \"sandbox\"\n\
        [[tools]]\nuse = \"shell\"\nscope = \"local\"\n";

    #[test]
    fn tgt_3_tools_of_the_global_scope_and_of_the_targets_own_are_loaded() {
        let loader = Scoped::default();
        assert_eq!(built("sandbox", ALL, &loader).unwrap(), ["clock", "browse"]);
        assert_eq!(built("local", ALL, &loader).unwrap(), ["clock", "shell"]);
        let asked = loader.0.lock().unwrap().clone();
        let told: Vec<_> = asked.iter().map(|(scope, name)| (*scope, name.as_str())).collect();
        let [global, sandbox, local] = [ToolScope::Global, ToolScope::Sandbox, ToolScope::Local];
        assert_eq!(
            told,
            [(global, "clock"), (sandbox, "browse"), (global, "clock"), (local, "shell")]
        );
    }

    #[test]
    fn tgt_3_a_tool_its_scope_does_not_offer_is_refused_with_what_it_does() {
        let grant = "[[tools]]\nuse = \"shell\"\nscope = \"sandbox\"\n";
        let told = built("sandbox", grant, &Scoped::default()).unwrap_err();
        assert!(told.contains("`shell`") && told.ends_with("browse"), "{told}");
        let grant = "[[tools]]\nuse = \"shell\"\n";
        assert!(built("local", grant, &Scoped::default()).unwrap_err().ends_with("clock"));
    }

    #[test]
    fn tgt_3_built_in_tools_are_there_in_every_scope() {
        let grants =
            "[[tools]]\nuse = \"read_file\"\nscope = \"local\"\n[[tools]]\nuse = \"list_files\"\n";
        assert_eq!(built("local", grants, &BuiltIns).unwrap(), ["read_file", "list_files"]);
        assert_eq!(built("sandbox", grants, &BuiltIns).unwrap(), ["list_files"]);
    }
}
