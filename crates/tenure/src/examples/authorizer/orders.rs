//! The orders the buyer asks about: shipped ones, or a person's own.

use crate::cli::Failure;
use crate::stage::{Files, shipped};
use std::io;
use std::path::Path;

/// Three plain ones, one for a gift card.
const SHIPPED: &[(&str, &str)] = shipped!(
    "authorizer/orders": "chair.json", "gift-card.json", "lamps.json", "monitors.json",
);

/// Letters of an order: all of them are to be seen in what the app is shown.
const ORDER_MAX_CHARS: usize = 150;
/// As many calls as one turn of an agent may have.
const ORDERS_MAX: usize = tenure_contract::limits::CALLS_PER_TURN_MAX;

pub(super) struct Orders(Files);

impl Orders {
    /// A person's own, if a folder is named.
    pub fn of(input: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = input else { return Ok(Self(Files::shipped(SHIPPED))) };
        let orders = Self(Files::in_folder(folder, "json", ORDERS_MAX)?);
        let shown = folder.display();
        if let Some((path, text)) =
            orders.0.iter().find(|(_, text)| text.chars().count() > ORDER_MAX_CHARS)
        {
            return Err(Failure::usage(format!(
                "`{}` in `--input {shown}` has {} letters; expected at most {ORDER_MAX_CHARS}",
                path.display(),
                text.chars().count()
            )));
        }
        if orders.plain() < 2 || orders.plain() == orders.count() as u64 {
            return Err(Failure::usage(format!(
                "`--input {shown}` holds {} orders, {} of them plain; expected at least two plain ones and one that says gift card",
                orders.count(),
                orders.plain()
            )));
        }
        Ok(orders)
    }

    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// How many are approved.
    pub fn plain(&self) -> u64 {
        self.0.iter().filter(|(_, text)| is_plain(text)).count() as u64
    }

    pub fn write(&self, workspace: &Path) -> io::Result<()> {
        self.0.write(workspace)
    }
}

/// Whether whoever reads this has nothing against it.
pub(super) fn is_plain(text: &str) -> bool {
    !text.to_lowercase().contains("gift card")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ex_5_the_shipped_orders_are_approved_and_denied() {
        let orders = Orders::of(None).unwrap();
        assert_eq!((orders.count(), orders.plain()), (4, 3));
        let longest = orders.0.iter().map(|(_, text)| text.chars().count()).max();
        assert!(longest.unwrap() <= ORDER_MAX_CHARS);
    }

    #[test]
    fn ex_5_a_folder_that_shows_nothing_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
            Orders::of(Some(folder.path())).err().unwrap().error().message.clone()
        };
        assert!(refused("a.json", "{}").contains("at least two plain ones"));
        assert!(refused("a.json", &"x".repeat(151)).contains("at most 150"));
    }
}
