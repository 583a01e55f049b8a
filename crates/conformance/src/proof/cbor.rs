//! A reader of the deterministic CBOR of an entry, as `docs/format/entry.md` describes it.

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Number(u64),
    Negative(u64),
    Bytes(Vec<u8>),
    Text(String),
    List(Vec<Item>),
    Map(Vec<(u64, Item)>),
    Bool(bool),
    Null,
}

impl Item {
    pub fn get(&self, key: u64) -> Option<&Self> {
        match self {
            Self::Map(pairs) => {
                pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| value)
            }
            _ => None,
        }
    }
    pub const fn number(&self) -> Option<u64> {
        match self {
            Self::Number(value) => Some(*value),
            _ => None,
        }
    }
    pub fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(value) => Some(value),
            _ => None,
        }
    }
    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads one item and nothing after it.
pub(super) fn read(bytes: &[u8]) -> Result<Item, String> {
    let mut reader = Reader { bytes, at: 0 };
    let item = reader.item(0)?;
    if reader.at == bytes.len() {
        Ok(item)
    } else {
        Err(format!("bytes after the end, at {}", reader.at))
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Deeper than any entry nests.
const DEPTH_MAX: usize = 64;

impl Reader<'_> {
    fn take(&mut self, many: u64) -> Result<&[u8], String> {
        let end = usize::try_from(many).ok().and_then(|many| self.at.checked_add(many));
        let taken = end.and_then(|end| self.bytes.get(self.at..end).map(|taken| (taken, end)));
        let (taken, end) =
            taken.ok_or_else(|| format!("it ends within an item, at {}", self.at))?;
        self.at = end;
        Ok(taken)
    }

    /// The major type and the number that follows it, in the shortest form there is.
    fn head(&mut self) -> Result<(u8, u64), String> {
        let first = self.take(1)?[0];
        let (major, short) = (first >> 5, first & 31);
        let (width, least) = match short {
            0..=23 => return Ok((major, u64::from(short))),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            _ => return Err(format!("an indefinite length, at {}", self.at)),
        };
        let value = self.take(width)?.iter().fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        if value < least {
            Err(format!("a number longer than it needs to be, at {}", self.at))
        } else {
            Ok((major, value))
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, String> {
        if depth > DEPTH_MAX {
            return Err("it nests too deep".to_owned());
        }
        let (major, value) = self.head()?;
        Ok(match major {
            0 => Item::Number(value),
            1 => Item::Negative(value),
            2 => Item::Bytes(self.take(value)?.to_vec()),
            3 => Item::Text(
                String::from_utf8(self.take(value)?.to_vec()).map_err(|why| why.to_string())?,
            ),
            4 => Item::List((0..value).map(|_| self.item(depth + 1)).collect::<Result<_, _>>()?),
            5 => Item::Map(self.pairs(value, depth)?),
            7 if value == 20 || value == 21 => Item::Bool(value == 21),
            7 if value == 22 => Item::Null,
            _ => return Err(format!("major type {major} with {value}, which entries do not have")),
        })
    }

    fn pairs(&mut self, many: u64, depth: usize) -> Result<Vec<(u64, Item)>, String> {
        let mut pairs: Vec<(u64, Item)> = Vec::new();
        for _ in 0..many {
            let key = self.item(depth + 1)?.number().ok_or("a key that is no number")?;
            if pairs.last().is_some_and(|(last, _)| *last >= key) {
                return Err(format!("key {key} is out of order"));
            }
            let value = self.item(depth + 1)?;
            pairs.push((key, value));
        }
        Ok(pairs)
    }
}
