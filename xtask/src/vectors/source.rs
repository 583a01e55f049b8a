//! Where sample values come from: fixed ones for the vectors, pseudo-random ones for the property
//! tests, by the same builders.

use tenure_contract::{Digest, Time};

/// How values are picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pick {
    /// Everything present, values counted up.
    Full,
    /// Everything optional absent, values least.
    Least,
    /// From a seed; the same seed gives the same values.
    Random,
}

/// A supply of values.
#[derive(Debug, Clone)]
pub struct Source {
    pick: Pick,
    state: u64,
}

impl Source {
    /// Values counted up, every option present, lists of two.
    #[must_use]
    pub const fn full() -> Self {
        Self { pick: Pick::Full, state: 0 }
    }

    /// Least values, no option present, lists empty.
    #[must_use]
    pub const fn least() -> Self {
        Self { pick: Pick::Least, state: 0 }
    }

    /// Values from a seed.
    #[must_use]
    pub const fn random(seed: u64) -> Self {
        Self { pick: Pick::Random, state: seed | 1 }
    }

    /// The next value in line: a counter, or xorshift64 for a seed.
    fn next(&mut self) -> u64 {
        if self.pick == Pick::Random {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            return self.state.wrapping_mul(0x2545_f491_4f6c_dd1d);
        }
        self.state += 1;
        self.state
    }

    /// A number; of any magnitude when random, so that every width of integer occurs.
    pub fn number(&mut self) -> u64 {
        match self.pick {
            Pick::Full => 1_000 + self.next(),
            Pick::Least => 0,
            Pick::Random => {
                let shift = self.next() % 64;
                self.next() >> shift
            }
        }
    }

    /// A smaller number.
    pub fn count(&mut self) -> u32 {
        let number = self.number();
        (number & u64::from(u32::MAX)) as u32
    }

    /// True or false; true in full.
    pub fn flag(&mut self) -> bool {
        match self.pick {
            Pick::Full => true,
            Pick::Least => false,
            Pick::Random => self.next() >> 32 & 1 == 1,
        }
    }

    /// Sixteen bytes, never the same twice in a fixed supply.
    pub fn bytes16(&mut self) -> [u8; 16] {
        let (high, low) = (self.next(), self.next());
        std::array::from_fn(|place| {
            let word = if place < 8 { high } else { low };
            word.to_be_bytes()[place % 8]
        })
    }

    /// A digest.
    pub fn digest(&mut self) -> Digest {
        let bytes = self.bytes16();
        Digest::of(&[&bytes])
    }

    /// An instant.
    pub fn time(&mut self) -> Time {
        match self.pick {
            Pick::Full => Time::from_micros(1_795_219_200_000_000 + self.next()),
            Pick::Least => Time::from_micros(0),
            Pick::Random => Time::from_micros(self.number()),
        }
    }

    /// A text: the one given in full, empty at least, anything when random.
    pub fn text(&mut self, full: &str) -> String {
        match self.pick {
            Pick::Full => full.to_owned(),
            Pick::Least => String::new(),
            Pick::Random => {
                let len = self.next() % 40;
                (0..len)
                    .map(|_| char::from_u32((self.next() >> 40) as u32 % 0x11_0000).unwrap_or('é'))
                    .collect()
            }
        }
    }

    /// A word of a closed list.
    pub fn word<T: Copy>(&mut self, all: &[T]) -> T {
        let place = match self.pick {
            Pick::Full => all.len() - 1,
            Pick::Least => 0,
            Pick::Random => (self.next() >> 16) as usize % all.len(),
        };
        all[place]
    }

    /// A value or none.
    pub fn option<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| value(self))
    }

    /// A list: two in full, none at least, up to four when random.
    pub fn list<T>(&mut self, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let len = match self.pick {
            Pick::Full => 2,
            Pick::Least => 0,
            Pick::Random => (self.next() >> 16) % 5,
        };
        (0..len).map(|_| value(self)).collect()
    }
}
