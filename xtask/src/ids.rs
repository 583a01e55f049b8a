//! The requirement ids of the contract, frozen: an id is added with its paragraph, never removed.

/// Ids that share a prefix, numbered from 1.
struct Family {
    prefix: &'static str,
    /// What stands between prefix and number.
    joint: &'static str,
    count: u32,
}

const fn dashed(prefix: &'static str, count: u32) -> Family {
    Family { prefix, joint: "-", count }
}

const fn joined(prefix: &'static str, count: u32) -> Family {
    Family { prefix, joint: "", count }
}

const FAMILIES: &[Family] = &[
    dashed("TEN", 4),
    dashed("WSP", 1),
    dashed("AUT", 1),
    dashed("AGT", 1),
    dashed("STB", 1),
    dashed("OPR", 1),
    dashed("SES", 4),
    dashed("TSK", 1),
    dashed("TOD", 1),
    dashed("RUN", 5),
    dashed("STP", 5),
    dashed("CKP", 2),
    dashed("DSP", 4),
    dashed("APR", 6),
    dashed("HND", 2),
    dashed("LOG", 4),
    dashed("RPL", 3),
    dashed("ALT", 1),
    dashed("INT", 9),
    dashed("STA", 1),
    dashed("ART", 5),
    dashed("EVT", 1),
    dashed("SUB", 1),
    dashed("POL", 1),
    dashed("TEL", 1),
    dashed("BOO", 1),
    dashed("ACT", 10),
    joined("RT", 18),
    joined("A", 10),
    joined("T", 14),
    joined("CM", 6),
    joined("VM", 8),
    joined("E", 3),
    joined("R", 11),
    joined("S", 12),
    dashed("TGT", 3),
    dashed("CLM", 1),
    dashed("HST", 1),
    dashed("STR", 1),
    dashed("EX", 11),
    dashed("FLT", 22),
];

/// Every id, in the contract's order.
#[must_use]
pub fn all() -> Vec<String> {
    FAMILIES
        .iter()
        .flat_map(|family| {
            (1..=family.count).map(|n| format!("{}{}{n}", family.prefix, family.joint))
        })
        .collect()
}

/// What the name of a test that proves `id` begins with: `ses_3_` for `SES-3`, `rt6_` for `RT6`.
#[must_use]
pub fn test_prefix(id: &str) -> String {
    format!("{}_", id.to_lowercase().replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_there_once() {
        let ids = all();
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!((ids.len(), distinct.len()), (198, 198));
        assert!(ids.contains(&"RT18".to_owned()) && ids.contains(&"FLT-22".to_owned()));
    }

    #[test]
    fn a_tests_name_begins_with_its_id() {
        assert_eq!(test_prefix("SES-3"), "ses_3_");
        assert_eq!(test_prefix("RT6"), "rt6_");
    }
}
