//! Tests over real files: the exported suite, real kills, a full disk, ownership, damage.

mod damaged;
mod full;
mod killed;
mod owned;
mod place;
mod sizes;
mod suite;
