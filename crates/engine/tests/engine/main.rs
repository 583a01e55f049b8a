//! The real engine on a store that can die: what the contract promises, by number.

mod handoffs;
mod harness;
mod hosts;

mod approvals;
mod artifacts;
mod asking;
mod charges;
mod checkpoints;
mod claims;
mod clocks;
mod crashes;
mod dispatches;
mod doubts;
mod drains;
mod executors;
mod intents;
mod journal;
mod ledger;
mod memory;
mod migrations;
mod observers;
mod policy;
mod residents;
mod runs;
mod schedules;
mod seams;
mod sessions;
mod steps;
mod storage;
mod tasks;
mod tenants;
mod timers;
mod tools;
