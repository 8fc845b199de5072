//! Which certificate a client gets: by the host that it asks for (SNI, RFC 6066 §3).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::certificate::Certificate;

/// Certificates with their keys, by the host names in them. The first one is for all other hosts, and for
/// clients that name none.
pub(super) struct Hosts {
    keys: Vec<Arc<CertifiedKey>>,
    /// Which of the keys a host has, by name; several where their kinds differ.
    exact: HashMap<String, Vec<usize>>,
    /// The same for the names behind `*.`, which stands for one label (RFC 9525 §6.3).
    wildcard: HashMap<String, Vec<usize>>,
}

impl Hosts {
    pub(super) fn new(pairs: &[(Arc<CertifiedKey>, Certificate)]) -> Hosts {
        let (mut exact, mut wildcard) = (HashMap::new(), HashMap::new());
        for (index, (_, certificate)) in pairs.iter().enumerate() {
            for host in &certificate.hosts {
                let (map, name): (&mut HashMap<String, Vec<usize>>, _) =
                    match host.strip_prefix("*.") {
                        Some(parent) => (&mut wildcard, parent),
                        None => (&mut exact, host.as_str()),
                    };
                map.entry(name.to_owned()).or_default().push(index);
            }
        }
        Hosts { keys: pairs.iter().map(|(key, _)| key.clone()).collect(), exact, wildcard }
    }

    /// The keys for this host, the best one first.
    fn keys_of(&self, host: Option<&str>) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let host = host.map(str::to_ascii_lowercase);
        let exact = host.as_ref().and_then(|host| self.exact.get(host));
        let parent = host.as_ref().and_then(|host| host.split_once('.'));
        let wildcard = parent.and_then(|(_, parent)| self.wildcard.get(parent));
        let named = exact.or(wildcard).into_iter().flatten();
        named.filter_map(|&index| self.keys.get(index)).chain(self.keys.first())
    }
}

impl ResolvesServerCert for Hosts {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let can_sign =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let mut keys = self.keys_of(hello.server_name());
        // Where none can sign for the client, rustls says so with the alert.
        keys.find(can_sign).or(self.keys.first()).cloned()
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}
