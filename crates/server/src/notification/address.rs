//! Which addresses a webhook may go to.
//!
//! Whoever says where a webhook goes has the server call it. So it never goes to the machine itself, to what only a link knows, or to
//! where clouds keep the credentials of their machines: not as it is written, and not as a name server answers at that moment.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How long a name server has.
const LONGEST: Duration = Duration::from_secs(8);

/// Whether an address can be a webhook's, as far as it shows that.
///
/// # Errors
/// In words, why not.
pub(super) fn check(address: &str, allow_loopback: bool) -> Result<Url, String> {
    let url = Url::parse(address).map_err(|error| format!("is not a URL: {error}"))?;
    let Some(host) = url.host() else { return Err("has no host".into()) };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("has a name or password in it: a receiver knows us by the signature".into());
    }
    let literal = match host {
        url::Host::Ipv4(ip) => Some(IpAddr::V4(ip)),
        url::Host::Ipv6(ip) => Some(IpAddr::V6(ip)),
        url::Host::Domain(_) => None,
    };
    let loopback = literal.map_or_else(|| url.host_str() == Some("localhost"), |ip| within(ip).is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if loopback && allow_loopback => {}
        "http" => return Err("must be https".into()),
        other => return Err(format!("must be https, not {other}")),
    }
    if let Some(ip) = literal {
        reachable(ip, allow_loopback)?;
    }
    Ok(url)
}

/// Whether something may be sent to it.
fn reachable(ip: IpAddr, allow_loopback: bool) -> Result<(), String> {
    let inner = within(ip);
    if inner.is_loopback() {
        return if allow_loopback { Ok(()) } else { Err(format!("{ip} is this machine")) };
    }
    let refused = match inner {
        IpAddr::V4(ip) => refused_v4(ip),
        IpAddr::V6(ip) => refused_v6(ip),
    };
    if refused { Err(format!("{ip} is no address for a webhook")) } else { Ok(()) }
}

/// The address that is meant: IPv4 can be written into IPv6 in several ways (RFC 4291, RFC 6052, RFC 3056).
fn within(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => of(high, low),
        _ => ip,
    }
}

fn refused_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let link_or_many = ip.is_link_local() || ip.is_multicast() || a >= 240 || a == 0;
    // Credentials of machines: 192.0.0.0/24 (RFC 6890), Alibaba, Azure; most others are on the link, 169.254.169.254.
    let metadata = [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)].contains(&ip);
    link_or_many || (a, b, c) == (192, 0, 0) || metadata
}

fn refused_v6(ip: Ipv6Addr) -> bool {
    let [first, second, ..] = ip.segments();
    // fe80::/10 the link, fec0::/10 the site that is none any more; fd00:ec2::/32 and fd20:ce::/32 are Amazon's and Google's metadata.
    let link = (first & 0xffc0) == 0xfe80 || (first & 0xffc0) == 0xfec0;
    ip.is_unspecified() || ip.is_multicast() || link || (first, second) == (0xfd00, 0x0ec2) || (first, second) == (0xfd20, 0x00ce)
}

/// Looks names up and gives only addresses that may be sent to: what is connected to is what was looked at, so a name server that
/// answers differently the next time changes nothing.
pub(super) struct Checked {
    pub allow_loopback: bool,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            let found = tokio::time::timeout(LONGEST, tokio::net::lookup_host((name.as_str(), 0))).await;
            let found = found.map_err(|_| "the name server does not answer")?;
            let found = found.map_err(|error| format!("the name cannot be looked up: {error}"))?;
            let (mut good, mut why) = (Vec::new(), "the name has no address".to_owned());
            for address in found {
                match reachable(address.ip(), allow_loopback) {
                    Ok(()) => good.push(address),
                    Err(reason) => why = reason,
                }
            }
            if good.is_empty() {
                return Err(why.into());
            }
            let good: Addrs = Box::new(good.into_iter().map(|address| SocketAddr::new(address.ip(), 0)));
            Ok(good)
        })
    }
}

/// As `reqwest` takes it.
pub(super) fn checked(allow_loopback: bool) -> Arc<Checked> {
    Arc::new(Checked { allow_loopback })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_goes_by_https_to_no_address_of_this_machine_link_or_cloud() {
        for wrong in [
            "http://example.com/x",
            "ftp://example.com",
            "https://user:pw@example.com",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://0x7f.1/",
            "https://2130706433/",
            "https://[::1]/",
            "https://[::]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:7f00:1::]/",
            "https://[fe80::1]/",
            "https://[fd00:ec2::254]/",
            "https://169.254.169.254/latest/meta-data",
            "https://100.100.100.200/",
            "https://168.63.129.16/",
            "https://192.0.0.192/",
            "https://0.0.0.0/",
            "https://0.1.2.3/",
            "https://255.255.255.255/",
            "https://224.0.0.1/",
            "http://127.0.0.1/",
            "/relative",
            "https://",
        ] {
            assert!(check(wrong, false).is_err(), "{wrong}");
        }
        for right in ["https://hooks.example.com/x?y=1", "https://10.0.0.7/", "https://[2001:db8::1]/", "https://[2002:a00:1::]/"] {
            assert!(check(right, false).is_ok(), "{right}");
        }
        assert!(check("http://127.0.0.1:8080/", true).is_ok() && check("http://10.0.0.1/", true).is_err());
        assert!(check("https://169.254.169.254/", true).is_err() && check("https://[::ffff:169.254.169.254]/", true).is_err());
    }

    #[tokio::test]
    async fn a_name_gives_only_addresses_that_may_be_sent_to() {
        let name = || "localhost".parse::<Name>().unwrap();
        let refused = Checked { allow_loopback: false }.resolve(name()).await.err().unwrap();
        assert!(refused.to_string().contains("is this machine"), "{refused}");
        assert!(Checked { allow_loopback: true }.resolve(name()).await.unwrap().all(|address| address.ip().is_loopback()));
    }
}
