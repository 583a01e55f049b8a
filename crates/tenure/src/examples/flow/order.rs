//! The order of a plan: what an item needs is done before it, and what has a time is done at it.

use super::week::Item;

/// Puts items in their order, or says why they have none.
pub(super) fn put_in_order(items: Vec<Item>) -> Result<Vec<Item>, String> {
    known(&items)?;
    let mut left = items;
    let mut ordered: Vec<Item> = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let is_ready = |item: &Item| item.needs.iter().all(|need| of(&ordered, need).is_some());
        let ready = left.iter().enumerate().filter(|(_, item)| is_ready(item));
        let next = ready.min_by_key(|(_, item)| (item.at, item.id.clone())).map(|(place, _)| place);
        let Some(next) = next else { return Err(circle(&left)) };
        let item = left.remove(next);
        in_time(&ordered, &item)?;
        ordered.push(item);
    }
    if ordered.iter().all(|item| item.at.is_none()) {
        return Err("no item has an `at`; expected at least one that has".to_owned());
    }
    Ok(ordered)
}

fn of<'a>(items: &'a [Item], id: &str) -> Option<&'a Item> {
    items.iter().find(|item| item.id == id)
}

/// Every name stands for one item.
fn known(items: &[Item]) -> Result<(), String> {
    for (place, item) in items.iter().enumerate() {
        if of(&items[..place], &item.id).is_some() {
            return Err(format!("two items are called `{}`; expected one", item.id));
        }
        if let Some(need) = item.needs.iter().find(|need| of(items, need).is_none()) {
            let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
            return Err(format!(
                "`{}` needs `{need}`, which is no item; there are: {}",
                item.id,
                ids.join(", ")
            ));
        }
    }
    Ok(())
}

/// What an item needs is due before it.
fn in_time(before: &[Item], item: &Item) -> Result<(), String> {
    for need in item.needs.iter().filter_map(|need| of(before, need)) {
        let (id, needed) = (&item.id, &need.id);
        match (item.at, need.at) {
            (None, Some(at)) => {
                return Err(format!(
                    "`{id}` has no `at`, so it is done first, and needs `{needed}` of {at}; expected an `at` after that"
                ));
            }
            (Some(at), Some(needed_at)) if needed_at >= at => {
                return Err(format!(
                    "`{id}` of {at} needs `{needed}` of {needed_at}; expected an earlier one"
                ));
            }
            (None | Some(_), None) | (Some(_), Some(_)) => {}
        }
    }
    Ok(())
}

/// Names a circle among items none of which can be first.
fn circle(left: &[Item]) -> String {
    let mut way: Vec<&str> = Vec::new();
    let mut at = left.first();
    while let Some(item) = at {
        let is_back = way.iter().position(|id| *id == item.id);
        way.push(&item.id);
        if let Some(begin) = is_back {
            return format!(
                "its needs go in a circle: {}; expected none",
                way[begin..].join(" needs ")
            );
        }
        at = item.needs.iter().find_map(|need| of(left, need));
    }
    "its needs go in a circle".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, at: Option<&str>, needs: &[&str]) -> Item {
        Item {
            id: id.to_owned(),
            title: id.to_owned(),
            at: at.map(|at| at.parse().unwrap()),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            todos: vec!["x".to_owned()],
        }
    }

    #[test]
    fn ex_2_what_is_needed_goes_first_and_then_the_time_decides() {
        let items = vec![
            item("a", Some("tue 09:00"), &[]),
            item("b", Some("mon 09:00"), &["d"]),
            item("c", None, &[]),
            item("d", None, &["e"]),
            item("e", None, &[]),
        ];
        let ordered = put_in_order(items).unwrap();
        let ids: Vec<&str> = ordered.iter().map(|item| item.id.as_str()).collect();
        assert_eq!(ids, ["c", "e", "d", "b", "a"]);
    }

    #[test]
    fn ex_2_a_circle_is_named() {
        let at = Some("mon 09:00");
        let items = vec![
            item("a", at, &["b"]),
            item("b", at, &["c"]),
            item("c", at, &["b"]),
            item("d", at, &[]),
        ];
        let told = put_in_order(items).unwrap_err();
        assert_eq!(told, "its needs go in a circle: b needs c needs b; expected none");
    }
}
