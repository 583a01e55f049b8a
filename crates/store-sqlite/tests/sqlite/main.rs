//! Tests over real files: the exported suite, real kills, a full disk, commits the system refuses, ownership, damage.

mod damaged;
mod full;
mod killed;
mod owned;
mod owners;
mod place;
mod refused;
mod sizes;
mod suite;
