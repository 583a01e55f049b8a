//! Tells what happens and why it matters, to a person; with `--json` only the summary.

use super::Operator;
use super::child::Payments;
use super::ledger::{Line, Request};
use super::payments::Booked;
use super::proof::Proof;
use super::summary::Summary;
use crate::cli::{Teller, println_json};
use crate::client::Happening;
use crate::stage::{Server, Voice, mark};
use std::path::Path;
use std::time::Duration;
use tenure_contract::resource::Accepted;

pub(super) struct Narrator {
    voice: Voice,
}

impl Narrator {
    pub const fn new(json: bool) -> Self {
        Self { voice: Voice::of(json) }
    }

    fn say(&self, text: &str) {
        self.voice.say(text);
    }

    pub fn opening(&self, dir: &Path, documents: usize) {
        self.say(&format!(
            "An agent will work through {documents} documents: charge orders, pay refunds."
        ));
        self.say(
            "Meanwhile its server is killed with SIGKILL. Nothing may be lost, nothing paid twice.",
        );
        self.say(&format!("Everything is in {}\n", dir.display()));
    }

    pub fn started(&self, server: &Server, payments: &Payments) {
        self.say(&format!(
            "payment service  process {}, another program with its own ledger",
            payments.pid
        ));
        self.say("                 charges honour the idempotency key; refunds do not: asked twice, it pays twice");
        self.say(&format!("tenure serve     process {}\n", server.pid()));
    }

    pub fn submitted(&self, accepted: &Accepted) {
        self.say(&format!("accepted {} — durable from here on\n", accepted.run_id));
    }

    pub fn event(&self, teller: &mut Teller, told: &Happening) {
        // told also when silent: the teller counts
        if let Some(line) = teller.line(told) {
            self.say(&line);
        }
    }

    pub fn about_to_kill(&self, told: &Booked, pid: u32) {
        let name = if told.request == Request::Charge { "charge" } else { "refund" };
        self.say(&format!(
            "\n  ☠ {name} {} is booked, its answer is not out yet. kill -9 {pid}",
            told.reference
        ));
        self.say(match told.request {
            Request::Charge => "    money moved, and nothing here knows. Charges are idempotent: the same key again is safe.",
            _ => "    money moved, and nothing here knows. A refund must not be tried blindly: it is looked up.",
        });
    }

    pub fn back(&self, pid: u32, took: Duration) {
        self.say(&format!(
            "  ↻ started again as process {pid}, accepting after {} ms\n",
            took.as_millis()
        ));
    }

    pub fn killed(&self, number: u64) {
        self.say(&format!("  ☠ kill {number}"));
    }

    pub fn approval(&self, label: &str, command: &str, operator: Operator) {
        self.say(&format!("\n  ? {label}"));
        match operator {
            Operator::Automatic => {
                self.say("    approved here because of --auto; from another terminal it would be\n")
            }
            Operator::Elsewhere => self.say(
                "    it waits, for days if need be, over any restart. From another terminal:\n",
            ),
        }
        self.say(&format!("      {command}\n"));
    }

    pub fn doubt(&self, booked: &Line, ledger: &Path, command: &str, operator: Operator) {
        self.say(&format!("\n  ! no answer came to refund {}, and the service's look-up is down: only a person can tell.", booked.reference));
        self.say(&format!("    {} line {} shows it was paid.", ledger.display(), booked.number));
        match operator {
            Operator::Automatic => {
                self.say("    resolved here because of --auto; from another terminal it would be\n")
            }
            Operator::Elsewhere => self.say("    From another terminal:\n"),
        }
        self.say(&format!("      {command}\n"));
    }

    pub fn refused(&self, error: &tenure_contract::Error) {
        self.say(&format!("  · {}", error.message));
    }

    pub fn trouble(&self, what: &str) {
        eprintln!("tenure: {what}");
    }

    pub fn closing(&self, summary: &Summary) {
        if self.voice == Voice::Json {
            println_json(summary);
            return;
        }
        self.paid(summary);
        self.proven(&summary.proof);
        let verdict = if summary.holds() {
            "Nothing lost, nothing twice."
        } else {
            "NOT everything is as it must be."
        };
        self.say(&format!("\n{:.1} seconds. {verdict}", summary.seconds));
        self.next(summary);
    }

    fn paid(&self, summary: &Summary) {
        let paid = &summary.paid;
        self.say("\nWhat the payment service's own ledger says:");
        for (what, wanted, made) in [
            ("charges", paid.charges_wanted, paid.charges_made),
            ("refunds", paid.refunds_wanted, paid.refunds_made),
        ] {
            self.say(&format!("  {} {what:12} wanted {wanted}, made {made}", mark(wanted == made)));
        }
        self.say(&format!(
            "  {} {:12} {}",
            mark(paid.duplicates == 0),
            "paid twice",
            paid.duplicates
        ));
        let again = summary.attempts_after_landed;
        self.say(&format!(
            "  {} {:12} {again} after a committed result",
            mark(again == 0),
            "asked again"
        ));
        let inside = paid.kills_inside_effect;
        self.say(&format!(
            "  {} {:12} {} times, {inside} of them between an effect and its commit",
            mark(inside > 0),
            "killed",
            paid.kills
        ));
    }

    fn proven(&self, proof: &Proof) {
        self.say("What the journal says:");
        let verified = if proof.verified {
            "verified: chain, signature, every transition"
        } else {
            "NOT verified"
        };
        self.say(&format!(
            "  {} {:12} {}, {verified}",
            mark(proof.verified),
            "entries",
            proof.entries
        ));
        self.say(&format!(
            "  {} {:12} {} of {} entries a server had shown",
            mark(proof.acks_lost == 0),
            "lost",
            proof.acks_lost,
            proof.acked
        ));
        self.say(&format!(
            "  · {:12} {} times: {} settled by look-up, {} by a person",
            "in doubt", proof.in_doubt, proof.resolved_by_look_up, proof.resolved_by_operator
        ));
        self.say(&format!("  · {:12} {} by a person", "approved", proof.approvals));
    }

    fn next(&self, summary: &Summary) {
        if summary.kept || !summary.holds() {
            let data = format!("{}/data", summary.dir);
            self.say(&format!("Look at it:  tenure --data {data} show {}", summary.session));
            self.say(&format!(
                "             tenure verify {}/session.jsonl --head {}",
                summary.dir, summary.proof.head
            ));
        } else {
            self.say("Look at it:  tenure demo --auto --keep, then tenure show, tenure explain, tenure verify");
            self.say("Your own:    tenure demo --input DIR, or tenure run -a agent.toml \"task\"");
        }
    }
}
