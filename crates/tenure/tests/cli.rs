//! The command line against the real binary: exit statuses, JSON shapes, bad input, life beside a
//! server and after its death.

mod cli {
    mod auth;
    mod bad_input;
    mod beside;
    pub mod desk;
    mod evidence;
    mod interrupted;
    mod people;
    mod policy;
    mod tasks;
    mod verbs;
}
