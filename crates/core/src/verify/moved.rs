//! Exports of a session that moved from one store to another: what proves one history and what does not.

use super::head::{certify, public_key};
use super::*;
use crate::session::tests::bench::{Bench, SESSION, STORE, TENANT, ask};
use crate::session::tests::transfer::{ELSEWHERE, offer, receive, release, signed_by};
use std::convert::Infallible;
use tenure_contract::event::Event;
use tenure_contract::export::Header;

fn export(bench: &Bench, store: StoreId, root: u8) -> Vec<String> {
    let (mut lines, hash) = bench.export();
    let header = Header { tenure: 1, journal: Journal::Session(SESSION), tenant: TENANT, store };
    lines[0] = header.to_line();
    lines.push(signed_by(store, root, bench.state.seq, hash).to_line());
    lines
}

fn check(lines: &[String]) -> Result<Verified, Broken> {
    verify(lines.iter().map(Ok::<_, Infallible>), &Options::default())
}

/// A session with a question open, as it was released and as it went on.
fn moved() -> (Bench, Bench) {
    let (mut sender, _) = Bench::performing(&[ask("a")]);
    sender.run(offer(ELSEWHERE));
    let command = release(&sender);
    sender.run(command);
    let mut receiver = sender.clone();
    let command = receive(&receiver);
    receiver.run(command);
    let asked = receiver.asked();
    receiver.decide(asked, false).unwrap();
    (sender, receiver)
}

#[test]
fn hnd_2_both_exports_together_prove_one_history() {
    let (sender, receiver) = moved();
    let (a, b) = (export(&sender, STORE, 11), export(&receiver, ELSEWHERE, 20));
    let (a, b) = (check(&a).unwrap(), check(&b).unwrap());
    assert_eq!((a.released_to, b.released_to), (Some(ELSEWHERE), None));
    let found = one_history(&a, &b).unwrap();
    assert_eq!(found, one_history(&b, &a).unwrap());
    assert_eq!((found.from, found.to, found.seq), (STORE, ELSEWHERE, a.entries + 1));
    assert_eq!(found.from_root, public_key(&[11; 32]));
    assert_eq!(found.to_root, certify(&[20; 32], &[0; 32]).root);
}

#[test]
fn hnd_2_two_owners_at_once_are_told() {
    let (sender, receiver) = moved();
    let mut kept = sender.clone();
    // the sender's journal as it was before the release, going on
    kept.kept.truncate(sender.kept.len() - 1);
    kept.state.seq = kept.kept.len() as u64;
    let kept = check(&export(&kept, STORE, 11)).unwrap();
    let taken = check(&export(&receiver, ELSEWHERE, 20)).unwrap();
    let apart = one_history(&kept, &taken).unwrap_err();
    assert!(matches!(apart, Apart::NotReleased { .. }), "{apart}");
    // the same store twice, or another release of the same length
    let sender = check(&export(&sender, STORE, 11)).unwrap();
    let apart = one_history(&sender, &sender).unwrap_err();
    assert!(matches!(apart, Apart::NotContinued { .. }), "{apart}");
    let impostor = Verified {
        signed_by: sender.signed_by.clone().map(|signer| Signer { root: [9; 32], ..signer }),
        ..sender.clone()
    };
    let apart = one_history(&impostor, &taken).unwrap_err();
    assert!(matches!(apart, Apart::NotContinued { .. }), "{apart}");
    let forked = Verified { head: Head { hash: Digest::ZERO, ..sender.head }, ..sender };
    let apart = one_history(&forked, &taken).unwrap_err();
    assert!(matches!(apart, Apart::NotContinued { .. }), "{apart}");
}

/// The entry of that kind, changed and chained anew by somebody who holds no key.
fn forged(bench: &Bench, kind: &str, change: impl FnOnce(&mut Event)) -> Broken {
    let mut bench = bench.clone();
    let found = bench.kept.iter_mut().find(|kept| kept.entry.event.name() == kind);
    change(&mut found.unwrap().entry.event);
    check(&export(&bench, ELSEWHERE, 20)).unwrap_err()
}

#[test]
fn hnd_2_a_signature_that_was_not_given_is_found_at_its_entry() {
    let (_, receiver) = moved();
    let at = |kind| {
        receiver.kept.iter().find(|kept| kept.entry.event.name() == kind).map(|kept| kept.entry.seq)
    };
    let another_key = |signature: &mut String| *signature = "00".repeat(64);
    let broken = forged(&receiver, "transfer.released", |event| {
        let Event::TransferReleased(event) = event else { unreachable!() };
        another_key(&mut event.accepted.signature);
    });
    assert_eq!(broken.seq, at("transfer.released"));
    let broken = forged(&receiver, "transfer.received", |event| {
        let Event::TransferReceived(event) = event else { unreachable!() };
        another_key(&mut event.released.signature);
    });
    assert_eq!(broken.seq, at("transfer.received"));
    // nothing between offer and release can be changed: the release's own place is signed for
    let broken = forged(&receiver, "session.opened", |event| {
        let Event::SessionOpened(event) = event else { unreachable!() };
        event.title = Some("another".to_owned());
    });
    assert_eq!(broken.seq, at("transfer.released"));
    // and whoever exports must be whoever received it
    let broken = check(&export(&receiver, STORE, 11)).unwrap_err();
    assert!(matches!(broken.why, Why::Unproven(_)), "{broken}");
}
