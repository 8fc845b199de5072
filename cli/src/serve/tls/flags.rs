//! From the flags about TLS to certificates: which of them go together.

use std::path::PathBuf;

use super::{Certificates, Made, Own, Pair};
use crate::cli::{Serve, usage_error};
use crate::listen::Listen;

impl Certificates {
    /// What the flags ask for; `None` where nothing listens with TLS, here or on a socket that was handed
    /// over. No file is read yet.
    ///
    /// # Errors
    /// The flags do not go together, or no certificate can be made for the name.
    pub(in crate::serve) fn read(
        options: &Serve,
        listen_tls: &[Listen],
        is_one_handed: bool,
    ) -> Result<Option<Certificates>, clap::Error> {
        if listen_tls.is_empty() && !is_one_handed {
            return refuse_all(options).map(|()| None);
        }
        let wants = match listen_tls {
            [] => "a listener that was handed over, with a name of tls,".to_owned(),
            _ => options.name_of("listen_tls"),
        };
        let own = match &options.tls.tls_self_signed {
            Some(host) => {
                refuse_files(options)?;
                let name = options.name_of("tls_self_signed");
                let made = Made::new(host, listen_tls);
                let made = made.map_err(|why| usage_error(format!("{name} {host}: {why}")))?;
                Own::Made(made.into())
            }
            None => read_pairs(options, &wants)?,
        };
        let client_ca = options.tls.tls_client_ca.as_ref().map(PathBuf::from);
        Ok(Some(Certificates { own, client_ca }))
    }
}

/// Without a listener none of the flags means anything.
fn refuse_all(options: &Serve) -> Result<(), clap::Error> {
    let tls = &options.tls;
    let given = [
        ("tls_cert", !tls.tls_cert.is_empty()),
        ("tls_key", !tls.tls_key.is_empty()),
        ("tls_client_ca", tls.tls_client_ca.is_some()),
        ("tls_self_signed", tls.tls_self_signed.is_some()),
        ("hsts", tls.hsts.is_some()),
    ];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((id, _)) => {
            let (name, listen) = (options.name_of(id), options.name_of("listen_tls"));
            Err(usage_error(format!("{name} is for TLS, and without {listen} nothing speaks it")))
        }
    }
}

/// A certificate is made or read.
fn refuse_files(options: &Serve) -> Result<(), clap::Error> {
    let tls = &options.tls;
    let given = [("tls_cert", !tls.tls_cert.is_empty()), ("tls_key", !tls.tls_key.is_empty())];
    match given.into_iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((id, _)) => {
            let (made, read) = (options.name_of("tls_self_signed"), options.name_of(id));
            Err(usage_error(format!("{made} makes a certificate, so {read} cannot be given too")))
        }
    }
}

/// `wants` is what there has to be a certificate for.
fn read_pairs(options: &Serve, wants: &str) -> Result<Own, clap::Error> {
    let (certs, keys) = (&options.tls.tls_cert, &options.tls.tls_key);
    let (cert, key) = (options.name_of("tls_cert"), options.name_of("tls_key"));
    if certs.len() != keys.len() {
        let (certs, keys) = (certs.len(), keys.len());
        return Err(usage_error(format!(
            "each certificate has its key: {certs} by {cert}, but {keys} by {key}"
        )));
    }
    let pairs = certs.iter().zip(keys);
    let mut pairs = pairs.map(|(cert, key)| Pair { cert: cert.into(), key: key.into() });
    match pairs.next() {
        Some(first) => Ok(Own::Files(first, pairs.collect())),
        None => {
            let made = options.name_of("tls_self_signed");
            Err(usage_error(format!(
                "{wants} needs a certificate: {cert} and {key}, or {made} to try things out"
            )))
        }
    }
}
