//! The in-memory reference passes the suite it defines.

use tenure_store::suite::{self, Damage, Factory, Installation, Kept, Part};
use tenure_store::{MemoryStore, Store};

struct Memory;

struct Installed {
    store: MemoryStore,
    kept: Vec<MemoryStore>,
}

impl Factory for Memory {
    fn install(&self) -> Box<dyn Installation> {
        Box::new(Installed { store: MemoryStore::new(), kept: vec![] })
    }
}

impl Installation for Installed {
    fn store(&self) -> Store {
        self.store.store()
    }
    fn reopen(&mut self) {
        self.store = self.store.reopen();
    }
    fn crash_and_reopen(&mut self) {
        // A call that returned is durable, so a crash finds what an orderly close leaves.
        self.store = self.store.copied().reopen();
    }
    fn checkpoint(&self) {}
    fn keep(&mut self) -> Kept {
        self.kept.push(self.store.copied());
        Kept(self.kept.len() - 1)
    }
    fn put_back(&mut self, kept: Kept, part: Part) {
        match part {
            Part::Projection => self.store.take_projection_of(&self.kept[kept.0]),
            Part::Log => {
                let older = self.kept[kept.0].copied();
                older.take_projection_of(&self.store);
                self.store = older.reopen();
            }
        }
    }
    fn damage(&mut self, _: Damage) {
        self.store.take_projection_of(&MemoryStore::new());
    }
}

macro_rules! tests {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        $(#[test] fn $case() { suite::$module::$case(&Memory); })+
    };
}
tenure_store::each_store_case!(tests);

#[test]
fn a_lease_expires_by_the_stores_own_clock() {
    let memory = MemoryStore::new();
    let lease = memory.store().lease;
    assert_eq!(lease.acquire("one", 1_000).unwrap().len(), 256);
    memory.pass_ms(999);
    assert_eq!(lease.acquire("other", 1_000), Ok(vec![]));
    memory.pass_ms(1);
    assert_eq!(lease.acquire("other", 1_000).unwrap().len(), 256);
}
