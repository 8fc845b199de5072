//! From the flags about proxies to whom the library trusts, and to the places with the PROXY protocol.

use stickler::{ForwardedFields, InvalidNetwork, TrustedProxies};

use super::config::read_each;
use crate::cli::{Forwarded, Serve, usage_error};
use crate::listen::{Listen, Place};

/// Which proxies are trusted; `None` where none is named.
///
/// # Errors
/// A network is none, or a flag is about trusted proxies and there are none.
pub(super) fn read_trusted(options: &Serve) -> Result<Option<TrustedProxies>, clap::Error> {
    let flags = &options.proxies;
    let name = options.name_of("trusted_proxy");
    if flags.trusted_proxy.is_empty() {
        let is_set = [
            ("forwarded", flags.forwarded == Forwarded::Forwarded),
            ("trust_forwarded_proto", flags.trust_forwarded_proto),
            ("trust_forwarded_host", flags.trust_forwarded_host),
        ];
        return match is_set.into_iter().find(|(_, is_set)| *is_set) {
            Some((id, _)) => {
                let about = options.name_of(id);
                Err(usage_error(format!("{about} is about trusted proxies, and {name} names none")))
            }
            None => Ok(None),
        };
    }
    let check = |text: &str| match text {
        UNIX => Ok(None),
        text => TrustedProxies::new([text]).map(|_| Some(text.to_owned())),
    };
    let networks: Vec<_> = read_each(&flags.trusted_proxy, &name, check)?;
    let is_unix = networks.iter().any(Option::is_none);
    let trusted = TrustedProxies::new(networks.into_iter().flatten());
    let trusted =
        trusted.map_err(|error: InvalidNetwork| usage_error(format!("{name}: {error}")))?;
    let fields = match flags.forwarded {
        Forwarded::XForwardedFor => ForwardedFields::XForwardedFor,
        Forwarded::Forwarded => ForwardedFields::Forwarded,
    };
    Ok(Some(
        trusted
            .unix(is_unix)
            .fields(fields)
            .believe_proto(flags.trust_forwarded_proto)
            .believe_host(flags.trust_forwarded_host),
    ))
}

/// Where connections begin with a header of the PROXY protocol.
#[derive(Debug, Default)]
pub(super) struct Proxied {
    pub(super) plain: Vec<Place>,
    pub(super) tls: Vec<Listen>,
}

impl Proxied {
    /// Reads the flag, and takes the places that it names from those without the protocol.
    ///
    /// # Errors
    /// A place that is none, or one that other machines reach, while nobody is trusted.
    pub(super) fn read(
        options: &Serve,
        plain: &mut Vec<Place>,
        tls: &mut Vec<Listen>,
    ) -> Result<Self, clap::Error> {
        let name = options.name_of("proxy_protocol");
        let mut proxied = Self::default();
        let is_trusted = options.proxies.trusted_proxy.iter().any(|text| text != UNIX);
        for place in read_each(&options.proxies.proxy_protocol, &name, Place::parse)? {
            if let Some(Listen::Address(address)) = place.tcp()
                && !is_trusted
                && !address.ip().to_canonical().is_loopback()
            {
                let trusted = options.name_of("trusted_proxy");
                return Err(usage_error(format!(
                    "{name} is for other machines on {address}: name the proxies by {trusted}"
                )));
            }
            let of_tls = tls.iter().position(|listen| place.tcp() == Some(listen));
            match of_tls {
                Some(at) => proxied.tls.push(tls.remove(at)),
                None => {
                    if let Some(at) = plain.iter().position(|known| *known == place) {
                        plain.remove(at);
                    }
                    proxied.plain.push(place);
                }
            }
        }
        Ok(proxied)
    }

    pub(super) fn has_port(&self) -> bool {
        !self.tls.is_empty() || self.plain.iter().any(|place| place.tcp().is_some())
    }
}

/// The peers of Unix sockets, among the networks.
const UNIX: &str = "unix";
