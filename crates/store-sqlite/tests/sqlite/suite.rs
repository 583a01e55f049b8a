//! The exported suite, over data directories.

use super::place::{self, Place};
use std::fs;
use std::path::{Path, PathBuf};
use tenure_store::Store;
use tenure_store::suite::{self, Damage, Factory, Installation, Kept, Part};
use tenure_store_sqlite::SqliteStore;

struct Files;

struct Installed {
    /// Not there only while the files are changed.
    open: Option<SqliteStore>,
    place: Place,
    kept: Vec<Place>,
}

impl Factory for Files {
    fn install(&self) -> Box<dyn Installation> {
        let place = Place::new();
        let open = Some(SqliteStore::open(place.path()).unwrap());
        Box::new(Installed { open, place, kept: vec![] })
    }
}

impl Installed {
    fn while_closed(&mut self, work: impl FnOnce(&Self)) {
        self.open = None;
        work(self);
        self.open = Some(SqliteStore::open(self.place.path()).unwrap());
    }
    fn lists(&self) -> PathBuf {
        self.place.path().join("lists.db")
    }
}

impl Installation for Installed {
    fn store(&self) -> Store {
        self.open.as_ref().unwrap().store()
    }
    fn reopen(&mut self) {
        self.while_closed(|_| ());
    }
    fn crash_and_reopen(&mut self) {
        // A copy of the files while they are open is what a killed process leaves.
        let copy = self.place.copied();
        self.while_closed(|_| ());
        self.place = copy;
        self.open = Some(SqliteStore::open(self.place.path()).unwrap());
    }
    fn checkpoint(&self) {
        self.open.as_ref().unwrap().checkpoint().unwrap();
    }
    fn keep(&mut self) -> Kept {
        self.kept.push(self.place.copied());
        Kept(self.kept.len() - 1)
    }
    fn put_back(&mut self, kept: Kept, part: Part) {
        self.while_closed(|installed| {
            let name = match part {
                Part::Log => "log-000001.db",
                Part::Projection => "lists.db",
            };
            let kept = &installed.kept[kept.0];
            place::replace(name, kept.path(), installed.place.path());
        });
    }
    fn damage(&mut self, damage: Damage) {
        self.while_closed(|installed| hurt(&installed.lists(), damage));
        let aside = self.place.path().join("lists.db.damaged");
        assert_eq!(aside.is_file(), damage != Damage::Deleted, "{damage:?} was not set aside");
        if aside.is_file() {
            fs::remove_file(aside).unwrap();
        }
    }
}

fn hurt(file: &Path, damage: Damage) {
    let mut bytes = fs::read(file).unwrap();
    let half = bytes.len() / 2;
    match damage {
        Damage::Deleted => return fs::remove_file(file).unwrap(),
        Damage::Truncated => bytes.truncate(half),
        Damage::Overwritten => bytes.iter_mut().for_each(|byte| *byte ^= 0xa5),
        Damage::Scratched => bytes[half..half + 5_000].fill(0xa5),
    }
    fs::write(file, bytes).unwrap();
}

macro_rules! tests {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        $(#[test] fn $case() { suite::$module::$case(&Files); })+
    };
}
tenure_store::each_store_case!(tests);
