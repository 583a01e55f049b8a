//! What a policy is asked: who is about to do what, to what, in which setting.

use super::arguments::Arguments;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use serde_json::Value;
use std::collections::HashSet;
use tenure_contract::ApprovalId;
use tenure_contract::entry::Principal;
use tenure_contract::words::{
    ApprovalKind, PolicyAction, PrincipalKind, RecoveryClass, RiskLevel, Surface,
};

/// Where it happens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Setting {
    /// The session's product; where the work comes from, for a dispatch.
    pub product: String,
    /// The session's user.
    pub user: String,
    /// The session's workspace.
    pub workspace: Option<String>,
    /// Where the action comes from, when somebody acts from somewhere.
    pub surface: Option<Surface>,
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// A tool, by the name the model sees.
    Tool(String),
    /// A substep of an intent's handler.
    Substep {
        /// The intent's type.
        intent: String,
        /// The substep's name.
        name: String,
    },
}

/// What a run executes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An agent, by name.
    Agent(String),
    /// An intent, by type.
    Intent(String),
}

/// What is about to happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Matter<'a> {
    /// A call with a side effect.
    Call {
        /// What is called.
        callee: Callee,
        /// What may be done again after a loss.
        class: RecoveryClass,
        /// The risk the agent's definition sees, when it asks for a decision by itself.
        asks: Option<RiskLevel>,
        /// The arguments; a substep's inputs.
        arguments: &'a Value,
    },
    /// A run is submitted.
    Run {
        /// What it executes.
        work: Work,
        /// The intent's parameters; null for an agent.
        parameters: &'a Value,
    },
    /// Work is sent to a product.
    Dispatch {
        /// The product it is for.
        product: String,
    },
    /// A session is offered to a product.
    Handoff {
        /// The product.
        product: String,
    },
    /// An approval is decided.
    Decide {
        /// The approval.
        approval: ApprovalId,
        /// What it is about.
        kind: ApprovalKind,
        /// How much harm it could do.
        risk: RiskLevel,
    },
}

/// A question to a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Question<'a> {
    /// Who is about to act.
    pub principal: Principal,
    /// What is about to happen.
    pub matter: Matter<'a>,
    /// Where.
    pub setting: Setting,
}

type Fields = Vec<(String, RestrictedExpression)>;

impl Question<'_> {
    /// The question as the policy engine takes it.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub(super) fn asked(&self) -> Result<(Request, Entities), String> {
        let (action, resource, mut fields, arguments) = self.matter.parts(&self.setting)?;
        fields.push(("setting".to_owned(), self.setting.record()?));
        let mut entities = Vec::new();
        if let Some(arguments) = arguments {
            for entity in shown(arguments)? {
                let name = entity.uid().type_name().to_string().to_lowercase();
                fields.push((name, RestrictedExpression::new_entity_uid(entity.uid())));
                entities.push(entity);
            }
        }
        let principal = uid(kind_of(self.principal.kind), &self.principal.name)?;
        let context = Context::from_pairs(fields).map_err(|why| why.to_string())?;
        let action = uid("Action", action.as_str())?;
        let schema = super::read::schema()?;
        let request = Request::new(principal, action, resource, context, Some(schema))
            .map_err(|why| why.to_string())?;
        let entities = Entities::from_entities(entities, None).map_err(|why| why.to_string())?;
        Ok((request, entities))
    }
}

impl Matter<'_> {
    fn parts(
        &self,
        setting: &Setting,
    ) -> Result<(PolicyAction, EntityUid, Fields, Option<&Value>), String> {
        Ok(match self {
            Self::Call { callee, class, asks, arguments } => {
                let mut fields = vec![
                    text("class", class.as_str()),
                    flag("asks", asks.is_some()),
                    text("risk", asks.unwrap_or(RiskLevel::Low).as_str()),
                ];
                let resource = match callee {
                    Callee::Tool(name) => uid("Tool", name)?,
                    Callee::Substep { intent, name } => {
                        fields.push(text("substep", name));
                        uid("Intent", intent)?
                    }
                };
                (PolicyAction::Call, resource, fields, Some(arguments))
            }
            Self::Run { work, parameters } => {
                let resource = match work {
                    Work::Agent(name) => uid("Agent", name)?,
                    Work::Intent(name) => uid("Intent", name)?,
                };
                (PolicyAction::Run, resource, Vec::new(), Some(parameters))
            }
            Self::Dispatch { product } => {
                let same = flag("sameProduct", *product == setting.product);
                (PolicyAction::Dispatch, uid("Product", product)?, vec![same], None)
            }
            Self::Handoff { product } => {
                (PolicyAction::Handoff, uid("Product", product)?, Vec::new(), None)
            }
            Self::Decide { approval, kind, risk } => {
                let fields = vec![text("kind", kind.as_str()), text("risk", risk.as_str())];
                (PolicyAction::Decide, uid("Approval", &approval.to_string())?, fields, None)
            }
        })
    }
}

impl Setting {
    fn record(&self) -> Result<RestrictedExpression, String> {
        let mut fields = vec![text("product", &self.product), text("user", &self.user)];
        fields.extend(self.workspace.as_deref().map(|workspace| text("workspace", workspace)));
        fields.extend(self.surface.map(|surface| text("surface", surface.as_str())));
        RestrictedExpression::new_record(fields).map_err(|why| why.to_string())
    }
}

fn text(name: &str, value: &str) -> (String, RestrictedExpression) {
    (name.to_owned(), RestrictedExpression::new_string(value.to_owned()))
}

fn flag(name: &str, value: bool) -> (String, RestrictedExpression) {
    (name.to_owned(), RestrictedExpression::new_bool(value))
}

fn kind_of(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "User",
        PrincipalKind::Agent => "Agent",
        PrincipalKind::Worker => "Worker",
        PrincipalKind::Service => "Service",
        PrincipalKind::System => "System",
    }
}

fn uid(kind: &str, name: &str) -> Result<EntityUid, String> {
    let kind: EntityTypeName = kind.parse().map_err(|why| format!("{why}"))?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(name)))
}

/// The three entities that carry the values of the arguments.
fn shown(arguments: &Value) -> Result<[Entity; 3], String> {
    let found = Arguments::of(arguments)?;
    let numbers = found.numbers.into_iter();
    let numbers = numbers.map(|(at, number)| (at, RestrictedExpression::new_long(number)));
    let texts = found.texts.into_iter();
    let texts = texts.map(|(at, text)| (at, RestrictedExpression::new_string(text)));
    let flags = found.flags.into_iter();
    let flags = flags.map(|(at, flag)| (at, RestrictedExpression::new_bool(flag)));
    Ok([
        carrier("Numbers", numbers.collect())?,
        carrier("Texts", texts.collect())?,
        carrier("Flags", flags.collect())?,
    ])
}

fn carrier(kind: &str, tags: Fields) -> Result<Entity, String> {
    let nothing: HashSet<EntityUid> = HashSet::new();
    Entity::new_with_tags(uid(kind, "arguments")?, [], nothing, tags).map_err(|why| why.to_string())
}
