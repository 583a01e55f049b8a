//! The HTTP surface over real loopback connections, on a real engine.

mod access;
mod checkpoints;
mod decisions;
mod deltas;
mod dispatches;
mod document;
mod executions;
mod executors;
mod feed;
mod handoffs;
mod operator;
mod places;
mod policy;
mod principals;
mod refusals;
mod rig;
mod routes;
mod schedules;
mod secrets;
mod streams;
mod tasks;
mod tenants;
mod threads;
mod tokens;
mod trail;
mod travel;
