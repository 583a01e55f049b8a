//! What every store must pass: one suite, held against each backend through a [`Factory`].
//!
//! It panics at the first broken promise, with the case's name. It is for tests; nothing that runs
//! for users calls it. A case's name begins with the id of the requirement it proves, where it
//! proves one.

pub mod body;
pub mod crash;
pub mod fence;
pub mod history;
pub mod lists;
pub mod log;

use crate::seam::{Store, StoreError};

/// Makes stores of one kind.
pub trait Factory {
    /// A new, empty store.
    fn install(&self) -> Box<dyn Installation>;
}

/// One store and the place it lies in. Whoever calls one of the changing functions has dropped
/// every [`Store`] it got before.
pub trait Installation {
    /// The four parts of the store as it is open now.
    fn store(&self) -> Store;
    /// Closes the store in order and opens it again.
    fn reopen(&mut self);
    /// Opens what the files hold at this moment, as after `kill -9`.
    fn crash_and_reopen(&mut self);
    /// Copies what its log kept aside into its final place, where the backend has such a step.
    fn checkpoint(&self);
    /// Keeps a copy of everything as it is now.
    fn keep(&mut self) -> Kept;
    /// Closes the store, puts a kept copy of one part in its place and opens it again.
    fn put_back(&mut self, kept: Kept, part: Part);
    /// Closes the store, damages its projection and opens it again.
    fn damage(&mut self, damage: Damage);
}

/// A copy an [`Installation`] keeps, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept(pub usize);

/// What is put back from a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The log with everything of its commits.
    Log,
    /// What is derived.
    Projection,
}

/// What may happen to a projection's files. A backend without files loses it each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They are gone.
    Deleted,
    /// The latter half is gone.
    Truncated,
    /// Every byte is another.
    Overwritten,
    /// Some bytes in the middle are others.
    Scratched,
}

impl Damage {
    /// Every kind.
    pub const ALL: &'static [Self] =
        &[Self::Deleted, Self::Truncated, Self::Overwritten, Self::Scratched];
}

/// One case of the suite.
#[derive(Clone, Copy)]
pub struct Case {
    /// The function's name.
    pub name: &'static str,
    /// Panics when the store breaks the promise.
    pub run: fn(&dyn Factory),
}

/// Hands `module::case` for every case of the suite to a macro, so that a backend's tests can have
/// one test function for each.
#[macro_export]
macro_rules! each_store_case {
    ($callback:ident) => {
        $callback! {
            log::log_1_entries_keep_their_arrival_order,
            log::log_1_equal_entries_are_two_entries,
            log::a_batch_comes_back_whole,
            log::a_reader_never_sees_half_a_batch,
            log::entries_are_fetched_in_the_order_asked,
            log::an_absent_position_is_told_as_damage,
            log::a_scan_goes_on_from_any_position,
            log::an_empty_log_ends_at_the_start,
            log::two_stores_have_two_ids,
            fence::log_4_a_stale_epoch_writes_nothing,
            fence::log_4_one_stale_shard_of_many_writes_nothing,
            fence::a_shard_is_taken_only_when_free_or_expired,
            fence::a_node_takes_back_what_is_held_under_its_name,
            fence::an_expired_shard_fences_once_it_is_taken,
            fence::what_was_released_is_not_held,
            fence::a_reopened_store_has_free_shards_and_growing_epochs,
            body::stp_4_bodies_of_every_size_come_back,
            body::stp_4_a_body_put_twice_is_one,
            body::ten_1_a_body_is_found_by_its_owner_only,
            body::ten_1_equal_bodies_of_two_tenants_are_two,
            lists::settled_entries_are_located,
            lists::a_long_journal_is_located_from_anywhere,
            lists::an_index_with_a_gap_is_refused,
            lists::a_refused_step_applies_nothing,
            lists::a_change_sets_only_what_it_names,
            lists::ten_1_a_list_shows_its_tenants_rows_only,
            lists::ten_1_one_key_of_two_tenants_is_two_rows,
            lists::pages_follow_on_without_gap_or_repeat,
            lists::an_unknown_column_is_refused,
            lists::snapshots_replace_each_other,
            lists::lists_answer_as_the_reference_does,
            lists::rebuilt_rows_are_the_settled_rows,
            lists::a_reset_projection_has_nothing,
            crash::log_4_a_crash_after_the_append_keeps_the_batch,
            crash::a_crash_after_a_refused_step_leaves_the_step_before,
            crash::a_crash_between_steps_goes_on_from_the_anchor,
            crash::log_4_a_crash_around_a_checkpoint_keeps_everything,
            crash::stp_4_a_crash_keeps_bodies,
            crash::an_orderly_close_keeps_everything,
            crash::a_damaged_projection_is_made_again,
            crash::an_older_projection_catches_up,
            crash::a_projection_ahead_of_its_log_is_told,
            crash::a_projection_of_another_past_is_told,
        }
    };
}

macro_rules! list_cases {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        /// Every case, in the order they run.
        pub const CASES: &[Case] =
            &[$(Case { name: stringify!($case), run: $module::$case }),+];
    };
}
each_store_case!(list_cases);

/// Runs every case against stores of this kind.
///
/// # Panics
/// At the first promise that is broken; the case before it in the output names it.
pub fn exercise(factory: &dyn Factory) {
    for case in CASES {
        println!("{}", case.name);
        (case.run)(factory);
    }
}

/// What the call answered; a case that gets no answer has failed.
#[track_caller]
pub(crate) fn must<T>(answer: Result<T, StoreError>, doing: &str) -> T {
    match answer {
        Ok(answer) => answer,
        Err(error) => panic!("could not {doing}: {error}"),
    }
}
