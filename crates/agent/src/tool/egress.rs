//! Which addresses `http_request` may reach: the model writes the URL, so the name is resolved
//! here, every address is checked, and the connection goes to an address that was checked.

use crate::tool::workspace::refused;
use crate::tool::{BadGrant, ToolFailure};
use futures::future::BoxFuture;
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Resolves a host and port to addresses.
pub type Names =
    Arc<dyn Fn(String, u16) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's own names.
#[must_use]
pub fn system_names() -> Names {
    Arc::new(|host, port| {
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// That host, on that port or any.
    Host { host: String, port: Option<u16> },
    /// Every name below a domain, kept with its leading dot.
    Below(String),
}

/// The hosts a grant lists. With none listed every public address may be reached; with any, only
/// those. Loopback, private and other special ranges need an entry of their own: a host listed by
/// name or address opens them, a `*.domain` does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allow {
    rules: Vec<Rule>,
}

#[derive(Debug, PartialEq, Eq)]
enum Reach {
    Nothing,
    Public,
    Anything,
}

impl Allow {
    /// Reads the entries of a grant: `host`, `host:port` or `*.domain`.
    ///
    /// # Errors
    /// [`BadGrant`] for an entry that is none of these.
    pub fn parse(entries: &[String]) -> Result<Self, BadGrant> {
        let rules = entries.iter().map(|entry| rule(entry)).collect::<Result<_, _>>()?;
        Ok(Self { rules })
    }

    fn reach(&self, host: &str, port: u16) -> Reach {
        let mut reach = if self.rules.is_empty() { Reach::Public } else { Reach::Nothing };
        for rule in &self.rules {
            match rule {
                Rule::Host { host: listed, port: only }
                    if listed == host && only.is_none_or(|only| only == port) =>
                {
                    return Reach::Anything;
                }
                Rule::Below(suffix) if host.ends_with(suffix.as_str()) => reach = Reach::Public,
                Rule::Host { .. } | Rule::Below(_) => {}
            }
        }
        reach
    }
}

fn rule(entry: &str) -> Result<Rule, BadGrant> {
    let bad = || {
        BadGrant::new(format!(
            "`{entry}` is no entry of `allow`; expected `host`, `host:port` or `*.domain`"
        ))
    };
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Ok(Rule::Host { host: address.to_string(), port: None });
    }
    if let Ok(address) = entry.parse::<SocketAddr>() {
        return Ok(Rule::Host { host: address.ip().to_string(), port: Some(address.port()) });
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().map_err(|_| bad())?)),
        None => (entry, None),
    };
    let name = plain(name);
    if let Some(domain) = name.strip_prefix("*.").filter(|_| port.is_none()) {
        return if is_name(domain) { Ok(Rule::Below(format!(".{domain}"))) } else { Err(bad()) };
    }
    if is_name(&name) { Ok(Rule::Host { host: name, port }) } else { Err(bad()) }
}

fn is_name(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|letter| letter.is_ascii_alphanumeric() || b"-_".contains(&letter))
    };
    text.split('.').all(part)
}

/// A host as it is compared: no brackets, no trailing dot, lower case.
fn plain(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

/// The addresses a URL may be fetched from, every one of them checked.
///
/// # Errors
/// [`ToolFailure::Refused`] if the URL is not one to be reached, [`ToolFailure::Transient`] if its
/// host cannot be resolved now.
pub async fn admit(
    url: &Url,
    allow: &Allow,
    names: &Names,
) -> Result<Vec<SocketAddr>, ToolFailure> {
    let host = url.host_str().map(plain).unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    if !matches!(url.scheme(), "http" | "https") || host.is_empty() {
        return Err(refused(format!("`{url}` is not an `http` or `https` URL")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("a URL with a user or password in it is not fetched"));
    }
    let reach = allow.reach(&host, port);
    if reach == Reach::Nothing {
        return Err(refused(format!("`{host}` is not among the hosts this tool may reach")));
    }
    let addresses = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => names(host.clone(), port).await.map_err(|error| ToolFailure::Transient {
            message: format!("`{host}` cannot be resolved: {error}"),
        })?,
    };
    if addresses.is_empty() {
        let message = format!("`{host}` has no address");
        return Err(ToolFailure::Transient { message });
    }
    // one private address among public ones is how a name is rebound: all must pass
    if reach == Reach::Public && !addresses.iter().all(|address| is_public(address.ip())) {
        return Err(refused(format!(
            "`{host}` has an address that is not public; such a host must be listed by name in \
             the tool's `allow`"
        )));
    }
    Ok(addresses)
}

/// Whether an address belongs to the public internet: none of the special ranges of the IANA
/// registries, nor one of these wrapped in IPv6.
///
/// ```
/// use tenure_agent::tool::egress::is_public;
/// assert!(is_public("1.1.1.1".parse().unwrap()));
/// assert!(!is_public("169.254.169.254".parse().unwrap()));
/// assert!(!is_public("::ffff:127.0.0.1".parse().unwrap()));
/// ```
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // IPv4-mapped, and the well-known NAT64 prefix
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            is_public_v4(Ipv4Addr::new(a, b, c, d))
        }
        // IETF protocol assignments with Teredo, documentation, 6to4
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002 | 0x3fff, ..] => false,
        // only 2000::/3 is global unicast; loopback, unique-local, link-local, multicast are not
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(entries: &[&str]) -> Allow {
        Allow::parse(&entries.iter().map(|entry| (*entry).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn names(addresses: &'static [&'static str]) -> Names {
        Arc::new(move |_, port| {
            Box::pin(async move {
                Ok(addresses.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), port)).collect())
            })
        })
    }

    async fn admitted(url: &str, allow: &Allow, names: &Names) -> bool {
        admit(&url.parse().unwrap(), allow, names).await.is_ok()
    }

    #[test]
    fn special_ranges_are_not_public() {
        for denied in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "239.1.1.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "100::1",
        ] {
            assert!(!is_public(denied.parse().unwrap()), "{denied}");
        }
        for open in [
            "1.1.1.1",
            "100.63.0.1",
            "100.128.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2606:4700::1111",
        ] {
            assert!(is_public(open.parse().unwrap()), "{open}");
        }
    }

    #[tokio::test]
    async fn without_entries_only_public_addresses_are_reached() {
        let any = Allow::default();
        let public = names(&["93.184.216.34"]);
        assert!(admitted("https://example.com/x", &any, &public).await);
        for url in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::ffff:169.254.169.254]/",
            "file:///etc/passwd",
            "http://u:p@example.com/",
        ] {
            assert!(!admitted(url, &any, &public).await, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_with_any_private_address_is_refused_unless_it_is_listed() {
        for addresses in [&["10.0.0.1"][..], &["93.184.216.34", "127.0.0.1"], &["::1"]] {
            let rebound = names(addresses);
            let url = "http://inside.example.com:8080/";
            assert!(!admitted(url, &Allow::default(), &rebound).await);
            assert!(!admitted(url, &allow(&["*.example.com"]), &rebound).await);
            assert!(admitted(url, &allow(&["Inside.Example.com"]), &rebound).await);
            assert!(admitted(url, &allow(&["inside.example.com:8080"]), &rebound).await);
            assert!(!admitted(url, &allow(&["inside.example.com:80"]), &rebound).await);
        }
        assert!(!admitted("http://nowhere.example/", &Allow::default(), &names(&[])).await);
    }

    #[tokio::test]
    async fn with_entries_nothing_else_is_reached() {
        let public = names(&["93.184.216.34"]);
        let listed = allow(&["api.example.com", "*.example.org", "127.0.0.1:9", "[::1]:9", "::2"]);
        for url in [
            "https://api.example.com./x",
            "https://a.b.example.org/",
            "http://127.0.0.1:9/",
            "http://[::1]:9/",
            "http://[::2]/",
        ] {
            assert!(admitted(url, &listed, &public).await, "{url}");
        }
        for url in [
            "https://example.com/",
            "https://example.org/",
            "https://evil-example.org/",
            "http://127.0.0.1:10/",
            "http://[::1]/",
        ] {
            assert!(!admitted(url, &listed, &public).await, "{url}");
        }
    }

    #[test]
    fn an_entry_that_is_no_host_is_refused() {
        for bad in ["", "*", "*.", "*.x:80", "http://x", "x:y", "x y", "a..b", "x:70000", "*.*.x"] {
            assert!(Allow::parse(&[bad.to_owned()]).is_err(), "`{bad}`");
        }
    }
}
