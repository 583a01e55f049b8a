//! One agent per session (`CLM-1`), in the process and over a crash.

use crate::harness::*;
use std::sync::Arc;
use tenure_contract::SessionId;
use tenure_contract::resource::{Claim, ClaimSession};
use tenure_engine::{Engine, IntentRegistry};
use tokio::sync::Barrier;

fn claim_of(external: &str) -> ClaimSession {
    ClaimSession {
        agent: "clerk".to_owned(),
        version: None,
        external_id: Some(external.to_owned()),
    }
}

/// So many claims at once, each from a task of its own.
async fn race(engine: &Engine, session: SessionId, claims: usize) -> Vec<Claim> {
    let start = Arc::new(Barrier::new(claims));
    let racing = (0..claims).map(|n| {
        let (engine, start) = (engine.clone(), start.clone());
        tokio::spawn(async move {
            start.wait().await;
            engine.claim_session(&ada(), session, claim_of(&n.to_string())).await.unwrap()
        })
    });
    let claims = futures::future::join_all(racing).await;
    claims.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn clm_1_of_n_concurrent_claims_exactly_one_wins_every_time() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("clerk").follows(&house, "[[turn]]\ntext = \"hi\"\n")).await;
    for _ in 0..20 {
        let session = engine.open().await;
        let claims = race(&engine, session, 16).await;
        assert_eq!(claims.iter().filter(|claim| claim.won).count(), 1);
        let bound = engine.session(&ada(), session).await.unwrap().agent_binding.unwrap();
        for (n, claim) in claims.iter().enumerate() {
            assert_eq!(claim.agent_binding, bound);
            assert_eq!(claim.orphan, (!claim.won).then(|| n.to_string()));
        }
        assert_eq!(engine.kinds(session), ["session.opened", "session.bound"]);
    }
}

#[test]
fn clm_1_a_claim_stands_over_a_crash() {
    let mut house = House::on_files();
    let life = house.live(IntentRegistry::default());
    let (session, won) = life.block_on(async {
        let engine = &life.engine;
        engine.hire(agent("clerk").follows(&house, "[[turn]]\ntext = \"hi\"\n")).await;
        let session = engine.open().await;
        (session, engine.claim_session(&ada(), session, claim_of("a")).await.unwrap())
    });
    assert!(won.won);
    house.crash(life);
    let life = house.live(IntentRegistry::default());
    life.block_on(async {
        let late = life.engine.claim_session(&ada(), session, claim_of("b")).await.unwrap();
        assert_eq!((late.won, late.orphan.as_deref()), (false, Some("b")));
        assert_eq!(late.agent_binding, won.agent_binding);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clm_1_an_agent_that_works_in_an_unclaimed_session_has_claimed_it() {
    let house = House::new();
    let engine = house.engine(IntentRegistry::default());
    engine.hire(agent("clerk").follows(&house, "[[turn]]\ntext = \"hi\"\n")).await;
    engine.hire(agent("other").follows(&house, "[[turn]]\ntext = \"hi\"\n")).await;
    let session = engine.open().await;
    engine.over(engine.task(session, "other", "work").await).await;
    let late = engine.claim_session(&ada(), session, claim_of("b")).await.unwrap();
    assert!(!late.won && late.agent_binding.agent.starts_with("other@sha256:"));
    let refused = engine.claim_session(&eve(), session, claim_of("c")).await.unwrap_err();
    assert_eq!(refused.code, tenure_contract::Code::NotFound);
}
