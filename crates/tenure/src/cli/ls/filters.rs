//! What a list over all products is narrowed to.

use reqwest::Url;

/// Only what belongs to that product, to that user.
#[derive(Debug, Clone, Default, clap::Args)]
pub(in crate::cli) struct Filters {
    /// Only those of this product.
    #[arg(long, value_name = "PRODUCT")]
    pub product: Option<String>,
    /// Only those for this human or service.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
}

impl Filters {
    /// A list's path with what it is asked for, escaped.
    pub fn path(&self, noun: &str, more: &[(&str, Option<&str>)]) -> String {
        let own = [("productId", self.product.as_deref()), ("userId", self.user.as_deref())];
        let given = own.iter().chain(more).filter_map(|(name, value)| Some((*name, (*value)?)));
        let path = format!("/v1/{noun}");
        // only the query of it is used: the host is none
        let url = Url::parse_with_params("http://localhost/", given);
        match url.as_ref().ok().and_then(Url::query).filter(|query| !query.is_empty()) {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_escaped_and_nothing_asked_is_nothing() {
        let filters = Filters { product: Some("a&b c".to_owned()), user: None };
        let path = filters.path("runs", &[("status", Some("paused")), ("cursor", None)]);
        assert_eq!(path, "/v1/runs?productId=a%26b+c&status=paused");
        assert_eq!(Filters::default().path("runs", &[]), "/v1/runs");
    }
}
