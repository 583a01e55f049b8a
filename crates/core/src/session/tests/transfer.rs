//! A session's way to another server, and what stands in its way.

use super::bench::*;
use crate::Refusal;
use crate::command::Command;
use crate::session::{ChainEnd, next_wake, rests, wishes};
use crate::verify::head::{certify, public_key, sign_head};
use tenure_contract::entry::Journal;
use tenure_contract::export::{HeadClaim, SignedHead};
use tenure_contract::words::*;
use tenure_contract::{Digest, PolicyVersion, StoreId, Time};

/// The receiver's store; the bench's own is [`STORE`].
pub(crate) const ELSEWHERE: StoreId = StoreId::from_bytes([30; 16]);

/// What a store signs under an entry of the bench's journal.
pub(crate) fn signed_by(store: StoreId, root: u8, seq: u64, hash: Digest) -> SignedHead {
    let node = [root + 1; 32];
    let journal = Journal::Session(SESSION);
    let at = Time::from_micros(5);
    let claim = HeadClaim { journal, tenant: TENANT, store, seq, hash, at, epoch: 1 };
    sign_head(&node, certify(&[root; 32], &public_key(&node)), claim)
}

pub(crate) fn offer(to: StoreId) -> Command {
    Command::OfferTransfer { to, here: STORE, reason: None }
}

/// Accepted by the receiver as offered last.
pub(crate) fn release(bench: &Bench) -> Command {
    let seq = bench.state.transfer.as_ref().map_or(0, |known| known.offered_seq);
    let hash = bench.hash_at(seq);
    let accepted = Box::new(signed_by(ELSEWHERE, 20, seq, hash));
    Command::ReleaseTransfer { accepted, offered: ChainEnd { store: STORE, hash } }
}

pub(crate) fn receive(bench: &Bench) -> Command {
    let hash = bench.hash_at(bench.state.seq);
    let released = Box::new(signed_by(STORE, 11, bench.state.seq, hash));
    Command::ReceiveTransfer { released, end: ChainEnd { store: ELSEWHERE, hash } }
}

#[test]
fn hnd_2_a_released_session_takes_nothing_and_wishes_nothing_until_it_is_received() {
    let (mut bench, run) = Bench::performing(&[ask("a")]);
    bench.run(offer(ELSEWHERE));
    assert!(bench.run(offer(ELSEWHERE)).is_empty(), "the same offer again");
    bench.run(Command::ChangeSession {
        title: tenure_contract::resource::Change::Set("still ours".to_owned()),
        workspace: tenure_contract::resource::Change::Keep,
        memory: None,
        input_policy: None,
    });
    let command = release(&bench);
    bench.run(command);
    bench.later(1_000_000_000);
    let asked = bench.asked();
    let refused = [
        offer(ELSEWHERE),
        Command::WithdrawTransfer,
        Bench::decision(asked, true),
        Bench::cancellation(run),
        Command::MakeCheckpoint,
        submit(intent(3)),
        Command::EndSession { status: SessionStatus::Completed, reason: None },
    ];
    for command in refused {
        let refusal = bench.refuse(command);
        assert!(matches!(refusal, Refusal::Gone { to: ELSEWHERE, .. }), "{refusal}");
    }
    assert!(bench.wake().is_empty(), "not even an approval expires here");
    assert!(wishes(&bench.state, PolicyVersion::Default).is_empty());
    assert_eq!((next_wake(&bench.state), rests(&bench.state)), (None, true));
    let command = receive(&bench);
    assert_eq!(kinds(&bench.run(command))[0], "transfer.received");
    assert_eq!(bench.state.transfer, None);
    bench.run(Bench::cancellation(run));
}

#[test]
fn hnd_2_nothing_moves_while_a_step_is_in_flight_or_in_doubt() {
    let (mut bench, run) = Bench::performing(&[call("a")]);
    bench.run(offer(ELSEWHERE));
    let command = release(&bench);
    let refusal = bench.refuse(command.clone());
    assert!(refusal.to_string().contains("in flight"), "{refusal}");
    let step = bench.step_of_call(run, 0);
    bench.lose(run, step, LossCause::Crash);
    let refusal = bench.refuse(command.clone());
    assert!(refusal.to_string().contains("in doubt"), "{refusal}");
    bench.later(1_000_000);
    bench.resolve(step, Resolution::Landed).unwrap();
    bench.run(Command::PauseRun { run });
    // what is under way when a run is paused is waited for; what it leads to is not begun
    assert!(matches!(bench.refuse(command.clone()), Refusal::UnderWay { .. }));
    bench.land_turn(run, &[call("b")]);
    bench.run(command);
}

#[test]
fn hnd_2_only_the_store_it_was_offered_to_accepts_and_receives_it() {
    let mut bench = Bench::open();
    assert!(matches!(bench.refuse(Command::WithdrawTransfer), Refusal::NotOffered(_)));
    assert!(matches!(bench.refuse(offer(STORE)), Refusal::Invalid(_)));
    bench.run(offer(ELSEWHERE));
    let another = StoreId::from_bytes([31; 16]);
    assert!(matches!(bench.refuse(offer(another)), Refusal::OfferedElsewhere { .. }));
    let seq = bench.state.seq;
    let hash = bench.hash_at(seq);
    let offered = ChainEnd { store: STORE, hash };
    let mut forged = signed_by(ELSEWHERE, 20, seq, hash);
    forged.signature[0] ^= 1;
    let heads = [
        signed_by(another, 20, seq, hash),
        signed_by(ELSEWHERE, 20, seq - 1, hash),
        signed_by(ELSEWHERE, 20, seq, Digest::of(&[b"another chain"])),
        forged,
    ];
    for accepted in heads {
        let accepted = Box::new(accepted);
        let refusal = bench.refuse(Command::ReleaseTransfer { accepted, offered });
        assert!(matches!(refusal, Refusal::NotSignedFor(_)), "{refusal}");
    }
    let command = release(&bench);
    bench.run(command);
    let Command::ReceiveTransfer { released, end } = receive(&bench) else { unreachable!() };
    let elsewhere = ChainEnd { store: another, ..end };
    let refusal =
        bench.refuse(Command::ReceiveTransfer { released: released.clone(), end: elsewhere });
    assert!(matches!(refusal, Refusal::Gone { .. }), "{refusal}");
    let itself = Box::new(signed_by(ELSEWHERE, 20, bench.state.seq, end.hash));
    let refusal = bench.refuse(Command::ReceiveTransfer { released: itself, end });
    assert!(matches!(refusal, Refusal::NotSignedFor(_)), "{refusal}");
    bench.run(Command::ReceiveTransfer { released: released.clone(), end });
    let refusal = bench.refuse(Command::ReceiveTransfer { released, end });
    assert!(matches!(refusal, Refusal::NotOffered(_)), "{refusal}");
}

#[test]
fn hnd_2_an_offer_can_be_taken_back_until_it_is_released() {
    let mut bench = Bench::open();
    bench.run(offer(ELSEWHERE));
    let stale = release(&bench);
    bench.run(Command::WithdrawTransfer);
    bench.run(offer(ELSEWHERE));
    let refusal = bench.refuse(stale);
    assert!(
        matches!(refusal, Refusal::NotSignedFor(_)),
        "accepted was the offer before: {refusal}"
    );
}
