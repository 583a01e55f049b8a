//! The command line against the real binary: exit statuses, JSON shapes, bad input, life beside a
//! server and after its death.

mod cli {
    mod asking;
    mod auth;
    mod bad_input;
    mod beside;
    mod conformance;
    pub mod desk;
    mod dispatched;
    mod evidence;
    mod examples;
    mod executed;
    mod full_disk;
    mod handoff;
    mod interrupted;
    mod legacy;
    mod liar;
    mod moved;
    mod operator;
    mod people;
    mod policy;
    mod scheduled;
    mod settling;
    mod tasks;
    mod trail;
    mod travel;
    mod verbs;
    mod watch;
}
