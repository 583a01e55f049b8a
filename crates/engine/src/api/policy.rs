//! A tenant's policy: set, seen, tried (`POL-1`).

use super::Engine;
use crate::seal::Bodies;
use serde_json::Value;
use tenure_contract::entry::Principal;
use tenure_contract::resource::{
    Caller, Page, Policy, PolicyAnswer, PolicyQuestion, SetPolicy, TryPolicy,
};
use tenure_contract::words::{ApprovalKind, PolicyAction, RecoveryClass, RiskLevel};
use tenure_contract::{ApprovalId, Code, Digest, Error, PolicyVersion, limits};
use tenure_core::ledger::{LedgerCommand, PolicyRecord};
use tenure_core::policy::{
    self as rules, Callee, DEFAULT_TEXT, Matter, Question, Ruling, Setting, Terms, Work,
};

impl Engine {
    /// Sets the tenant's policy: in force, for every call not yet begun, when this returns. The one
    /// in force again is nothing new.
    ///
    /// # Errors
    /// `invalid-argument` with every problem of the text and its line; nothing is changed then.
    pub async fn set_policy(&self, caller: &Caller, request: SetPolicy) -> Result<Policy, Error> {
        let policy = read(&request.text)?;
        let PolicyVersion::Set(version) = policy.version() else {
            return Err(Error::new(Code::Internal, "a text that was set has no digest"));
        };
        // before anything new is in the ledger: the seat is read from what is settled
        let seat = self.node.policy_seat(caller.tenant)?;
        let sealed = self.node.seal_json(caller.tenant, &request.text)?;
        let command = LedgerCommand::SetPolicy { version };
        self.commit_ledger(caller, &command, Bodies::given(sealed)).await?;
        let records = self.policy_records(caller)?;
        let set = records.iter().rev().find(|record| record.version == version);
        let set = set.copied().ok_or_else(|| Error::not_found("policy", version))?;
        seat.install(policy, set.seq);
        Ok(shown(set, set, Some(request.text)))
    }

    /// The tenant's policy in force, with its text.
    ///
    /// # Errors
    /// A store's refusal.
    pub fn policy(&self, caller: &Caller) -> Result<Policy, Error> {
        let in_force = self.node.policy_seat(caller.tenant)?.policy().version();
        self.policy_version(caller, in_force)
    }

    /// A version of the tenant's policy, with its text.
    ///
    /// # Errors
    /// `not-found` for one that was never set.
    pub fn policy_version(&self, caller: &Caller, version: PolicyVersion) -> Result<Policy, Error> {
        let records = self.policy_records(caller)?;
        let PolicyVersion::Set(digest) = version else {
            return Ok(builtin(records.is_empty(), Some(DEFAULT_TEXT.to_owned())));
        };
        let found = records.iter().rev().find(|record| record.version == digest);
        let (Some(found), Some(last)) = (found, records.last()) else {
            return Err(Error::not_found("policy", version));
        };
        let ledger = self.node.ledger(caller.tenant)?;
        let text = self.node.policy_text(&ledger, *found)?;
        Ok(shown(*found, *last, text))
    }

    /// Every policy that was set, the newest first, without its text.
    ///
    /// # Errors
    /// `invalid-argument` for a cursor or limit that is none.
    pub fn policies(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        limit: Option<usize>,
    ) -> Result<Page<Policy>, Error> {
        let limit = limit.unwrap_or(limits::PAGE_DEFAULT_ROWS);
        if limit == 0 || limit > limits::PAGE_MAX_ROWS {
            let told =
                format!("limit {limit} is out of range; expected 1 to {}", limits::PAGE_MAX_ROWS);
            return Err(Error::new(Code::InvalidArgument, told));
        }
        let before = match cursor {
            None => u64::MAX,
            Some(cursor) => cursor.parse().map_err(|_| {
                let told =
                    format!("cursor `{cursor}` is none of this list's; expected `nextCursor`");
                Error::new(Code::InvalidArgument, told)
            })?,
        };
        let records = self.policy_records(caller)?;
        let older = records.iter().rev().filter(|record| record.seq < before);
        let mut page: Vec<PolicyRecord> = older.take(limit + 1).copied().collect();
        let has_more = page.len() > limit;
        page.truncate(limit);
        let next_cursor = page.last().filter(|_| has_more).map(|last| last.seq.to_string());
        let last = records.last().copied();
        let items = page.into_iter().filter_map(|record| Some(shown(record, last?, None)));
        Ok(Page { items: items.collect(), next_cursor })
    }

    /// Checks a text, or asks a policy a question; nothing is kept and nothing happens.
    ///
    /// # Errors
    /// `invalid-argument` for a text that is no policy, or a question that cannot be asked.
    pub fn try_policy(&self, caller: &Caller, request: &TryPolicy) -> Result<PolicyAnswer, Error> {
        let policy = match &request.text {
            Some(text) => std::sync::Arc::new(read(text)?),
            None => self.node.policy_seat(caller.tenant)?.policy(),
        };
        let ruling = match &request.question {
            Some(question) => Some(ask(&policy, question)?),
            None => None,
        };
        Ok(answer(policy.version(), ruling))
    }

    fn policy_records(&self, caller: &Caller) -> Result<Vec<PolicyRecord>, Error> {
        self.with_ledger(caller.tenant, |state| state.policies.records().to_vec())
    }
}

fn read(text: &str) -> Result<rules::Policy, Error> {
    rules::Policy::read(text)
        .map_err(|bad| Error::new(Code::InvalidArgument, format!("the text is no policy: {bad}")))
}

fn shown(record: PolicyRecord, last: PolicyRecord, text: Option<String>) -> Policy {
    Policy {
        version: PolicyVersion::Set(record.version),
        in_force: record.seq == last.seq,
        seq: Some(record.seq),
        set_at: Some(record.at),
        text,
    }
}

const fn builtin(in_force: bool, text: Option<String>) -> Policy {
    Policy { version: PolicyVersion::Default, in_force, seq: None, set_at: None, text }
}

fn answer(version: PolicyVersion, ruling: Option<Ruling>) -> PolicyAnswer {
    let effect = ruling.as_ref().map(Ruling::effect);
    let (reason, terms) = match ruling {
        None | Some(Ruling::Permit) => (None, None),
        Some(Ruling::Deny { why }) => (Some(why), None),
        Some(Ruling::Ask(terms)) => (Some(terms.why.clone()), Some(terms)),
    };
    let terms = terms.unwrap_or(Terms {
        why: String::new(),
        approvers: Vec::new(),
        needs_reason: false,
        risk: None,
    });
    PolicyAnswer {
        version,
        effect,
        reason,
        approvers: terms.approvers,
        needs_reason: terms.needs_reason,
        risk: terms.risk,
    }
}

fn ask(policy: &rules::Policy, asked: &PolicyQuestion) -> Result<Ruling, Error> {
    let bad = |told: String| Error::new(Code::InvalidArgument, told);
    let principal: Principal = asked.principal.parse().map_err(|_| {
        bad(format!("principal `{}` is none; expected `kind:name`", asked.principal))
    })?;
    let arguments = asked.arguments.clone().unwrap_or(Value::Null);
    let setting = Setting {
        product: asked.product.clone().unwrap_or_else(|| "tenure".to_owned()),
        user: asked.user.clone().unwrap_or_else(|| "somebody".to_owned()),
        workspace: None,
        surface: asked.surface,
    };
    let matter = matter(asked, &arguments).map_err(bad)?;
    Ok(policy.rule(&Question { principal, matter, setting }))
}

fn matter<'a>(asked: &PolicyQuestion, arguments: &'a Value) -> Result<Matter<'a>, String> {
    let (kind, name) = asked.resource.split_once(':').unwrap_or((&asked.resource, ""));
    let name = name.to_owned();
    let expected = |kinds: &str| {
        format!("resource `{}` is none of `{}`; expected {kinds}", asked.resource, asked.action)
    };
    Ok(match (asked.action, kind) {
        (PolicyAction::Call, "Tool" | "Intent") => Matter::Call {
            callee: match kind {
                "Tool" => Callee::Tool(name),
                _ => Callee::Substep { intent: name, name: String::new() },
            },
            class: asked.class.unwrap_or(RecoveryClass::Once),
            asks: asked.risk,
            arguments,
        },
        (PolicyAction::Call, _) => return Err(expected("`Tool:name` or `Intent:type`")),
        (PolicyAction::Run, "Agent") => {
            Matter::Run { work: Work::Agent(name), parameters: arguments }
        }
        (PolicyAction::Run, "Intent") => {
            Matter::Run { work: Work::Intent(name), parameters: arguments }
        }
        (PolicyAction::Run, _) => return Err(expected("`Agent:name` or `Intent:type`")),
        (PolicyAction::Dispatch, "Product") => Matter::Dispatch { product: name },
        (PolicyAction::Dispatch, _) => return Err(expected("`Product:id`")),
        (PolicyAction::Handoff, "Product") => Matter::Handoff { product: name },
        (PolicyAction::Handoff, _) => return Err(expected("`Product:id`")),
        (PolicyAction::Decide, "Approval") => Matter::Decide {
            // a rule can hardly name an approval; any id will do for trying
            approval: name
                .parse()
                .unwrap_or(ApprovalId::from_bytes(Digest::of(&[name.as_bytes()]).first_half())),
            kind: ApprovalKind::Action,
            risk: asked.risk.unwrap_or(RiskLevel::Medium),
        },
        (PolicyAction::Decide, _) => return Err(expected("`Approval:id`")),
    })
}
