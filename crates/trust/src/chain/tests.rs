//! The chain against a model: a manager, and holders of an identity that lose answers, are copied
//! and check in, in any order.

use proptest::prelude::*;

use super::*;

const KEY: [u8; 32] = [7; 32];

fn device() -> DeviceId {
    DeviceId::parse("019aa6d2-7a30-7c51-9d0e-3f5a86b1c001").unwrap()
}

/// What a holder keeps in its folder.
#[derive(Debug, Clone)]
struct Holder {
    answered: u64,
    nonce: String,
    /// Stored before sending, forgotten with the answer.
    pending: Option<String>,
}

#[derive(Debug)]
struct World {
    manager: ChainState,
    attempts: u64,
}

impl World {
    fn new() -> Self {
        Self {
            manager: ChainState::default(),
            attempts: 0,
        }
    }

    /// One check-in; `answer_arrives` says whether the holder sees the answer.
    fn check_in(&mut self, holder: &mut Holder, answer_arrives: bool) -> ChainVerdict {
        let attempt = holder.pending.get_or_insert_with(|| {
            self.attempts += 1;
            format!("attempt {}", self.attempts)
        });
        let counter = holder.answered + 1;
        let link = ChainLink {
            counter,
            nonce: &holder.nonce,
            attempt,
        };
        let verdict = judge(&self.manager, link, &KEY, device());
        match verdict {
            ChainVerdict::Advance | ChainVerdict::AheadOfManager => {
                self.manager = ChainState {
                    counter,
                    attempt: attempt.clone(),
                };
            }
            ChainVerdict::Repeat => {}
            ChainVerdict::Replayed | ChainVerdict::BadNonce => return verdict,
        }
        if answer_arrives {
            *holder = Holder {
                answered: counter,
                nonce: nonce(&KEY, device(), counter),
                pending: None,
            };
        }
        verdict
    }
}

fn newcomer() -> Holder {
    Holder {
        answered: 0,
        nonce: String::new(),
        pending: None,
    }
}

proptest! {
    #[test]
    fn one_holder_is_never_suspended_however_many_answers_are_lost(
        arrivals in proptest::collection::vec(any::<bool>(), 1..60),
    ) {
        let (mut world, mut holder) = (World::new(), newcomer());
        let mut asked_before = false;
        for arrives in arrivals {
            let verdict = world.check_in(&mut holder, arrives);
            let expected = if asked_before { ChainVerdict::Repeat } else { ChainVerdict::Advance };
            prop_assert_eq!(verdict, expected);
            asked_before = !arrives;
        }
    }

    #[test]
    fn two_holders_are_noticed_with_the_second_check_in_of_the_second(
        before in proptest::collection::vec(any::<bool>(), 0..10),
        copied_while_pending in any::<bool>(),
        order in proptest::collection::vec((any::<bool>(), any::<bool>()), 0..30),
    ) {
        let (mut world, mut first) = (World::new(), newcomer());
        for arrives in before {
            world.check_in(&mut first, arrives);
        }
        if copied_while_pending {
            world.check_in(&mut first, false);
        }
        let mut second = first.clone();
        // Completed check-ins: answered, and the answer arrived.
        let mut completed = [0, 0];
        let mut noticed = false;
        for (is_second, arrives) in order {
            let holder = if is_second { &mut second } else { &mut first };
            match world.check_in(holder, arrives) {
                ChainVerdict::Replayed => {
                    noticed = true;
                    break;
                }
                ChainVerdict::Advance | ChainVerdict::Repeat => {
                    completed[usize::from(is_second)] += u32::from(arrives);
                }
                ChainVerdict::AheadOfManager | ChainVerdict::BadNonce => {
                    prop_assert!(false, "no other verdict fits");
                }
            }
        }
        let least = completed.into_iter().min().unwrap();
        prop_assert!(least < 2, "both went on for two check-ins unnoticed");
        if !noticed {
            // Whatever happened: let both complete two more, and it is noticed.
            let verdicts: Vec<ChainVerdict> = (0..3)
                .flat_map(|_| [world.check_in(&mut first, true), world.check_in(&mut second, true)])
                .collect();
            prop_assert!(verdicts.contains(&ChainVerdict::Replayed), "{:?}", verdicts);
        }
    }

    #[test]
    fn a_manager_put_back_to_any_earlier_state_goes_on(
        steps in 1..20usize,
        back_to in 0..20usize,
    ) {
        let (mut world, mut holder) = (World::new(), newcomer());
        let mut backups = vec![world.manager.clone()];
        for _ in 0..steps {
            world.check_in(&mut holder, true);
            backups.push(world.manager.clone());
        }
        let back_to = back_to.min(steps);
        world.manager = backups[back_to].clone();
        let expected = if back_to == steps { ChainVerdict::Advance } else { ChainVerdict::AheadOfManager };
        prop_assert_eq!(world.check_in(&mut holder, true), expected);
        prop_assert_eq!(world.check_in(&mut holder, true), ChainVerdict::Advance);
    }

    #[test]
    fn a_forged_nonce_is_refused_at_any_counter(
        last in 0..100u64,
        counter in 0..100u64,
        forged in "[A-Za-z0-9_-]{0,50}",
        same_attempt in any::<bool>(),
    ) {
        let state = ChainState { counter: last, attempt: "known".to_owned() };
        let genuine = match counter {
            0 | 1 => String::new(),
            more => nonce(&KEY, device(), more - 1),
        };
        prop_assume!(counter == 0 || forged != genuine);
        let attempt = if same_attempt { "known" } else { "other" };
        let link = ChainLink { counter, nonce: &forged, attempt };
        prop_assert_eq!(judge(&state, link, &KEY, device()), ChainVerdict::BadNonce);
    }
}

#[test]
fn a_nonce_is_for_one_device_one_counter_and_one_manager() {
    let own = nonce(&KEY, device(), 5);
    assert_eq!(own, nonce(&KEY, device(), 5));
    assert_eq!(own.len(), 43);
    for other in [
        nonce(&KEY, device(), 6),
        nonce(&KEY, DeviceId::generate(), 5),
        nonce(&[8; 32], device(), 5),
    ] {
        assert_ne!(own, other);
    }
}

#[test]
fn nonces_of_later_counters_cannot_be_used_earlier() {
    let state = ChainState {
        counter: 5,
        attempt: "a".to_owned(),
    };
    let later = nonce(&KEY, device(), 6);
    let link = ChainLink {
        counter: 6,
        nonce: &later,
        attempt: "b",
    };
    assert_eq!(judge(&state, link, &KEY, device()), ChainVerdict::BadNonce);
}

#[test]
fn a_copy_from_before_the_first_check_in_is_noticed() {
    let mut world = World::new();
    let (mut first, mut second) = (newcomer(), newcomer());
    assert_eq!(world.check_in(&mut first, true), ChainVerdict::Advance);
    assert_eq!(world.check_in(&mut second, true), ChainVerdict::Replayed);
}

#[test]
fn a_check_in_without_an_attempt_is_refused() {
    let link = ChainLink {
        counter: 1,
        nonce: "",
        attempt: "",
    };
    let state = ChainState::default();
    assert_eq!(judge(&state, link, &KEY, device()), ChainVerdict::BadNonce);
}
