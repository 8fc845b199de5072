//! All that speaks against serving with some options, for `stickler config check`. A start tells the first of it.

use super::config::{
    read_apps, read_config, read_health_path, read_origins, read_own_hosts, read_paths,
    read_subprotocols,
};
use super::drain::Drain;
use super::places::Places;
use super::proxies::read_trusted;
use super::{Plan, check_buffers, logging, routes};
use crate::admin::Admin;
use crate::cli::{Serve, sentence_of, usage_error};
use crate::inspect::Trace;

/// All values that are none; where there are such, not all that is wrong with options together. No file is read and
/// nothing is bound. Each is told once; there are none where these options could be served with.
pub(crate) fn faults(options: &Serve) -> Vec<String> {
    // Without --listen-tls the certificates may be for listeners that systemd hands over.
    faults_beside(options, !options.tls.tls_cert.is_empty())
}

/// As [`faults`], where it is known whether a listener was handed over that speaks TLS.
pub(super) fn faults_beside(options: &Serve, is_tls_handed: bool) -> Vec<String> {
    let parts = [
        Places::read_plain(options).map(drop),
        Places::read_tls(options).map(drop),
        Places::read(options).map(drop),
        read_own_hosts(options).map(drop),
        read_origins(options).map(drop),
        read_subprotocols(options).map(drop),
        read_paths(options).map(drop),
        read_health_path(options).map(drop),
        read_trusted(options).map(drop),
        read_config(options).map(drop),
        read_apps(options).map(drop),
        Drain::read(options).map(drop),
        Trace::read(options).map(drop),
        Admin::read(options).map(drop),
        check_buffers(options),
        // Where no filter is said there is RUST_LOG, a variable.
        options.log_filter().map_or(Ok(()), |it| logging::check(Some(it))).map_err(usage_error),
    ];
    let parts = parts.into_iter().filter_map(Result::err);
    let routes = options.routes.iter().flat_map(|route| routes::faults(options, route));
    let plan = Plan::read(options, is_tls_handed).err();
    let mut found = Vec::new();
    for fault in parts.chain(routes).chain(plan) {
        let sentence = sentence_of(&fault);
        // What is read by one part is read by others too.
        if !found.contains(&sentence) {
            found.push(sentence);
        }
    }
    found
}
