//! The flags of the admin listener, read together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use stickler::proto::handshake::Authority;

use crate::cli::{Serve, usage_error};
use crate::listen::{Listen, Place};

/// Where the admin listener is to be, and who may ask what.
#[derive(Debug)]
pub(crate) struct Admin {
    pub(super) place: Place,
    /// As `Authority::host` has them.
    pub(super) hosts: Vec<String>,
    pub(super) token_file: Option<PathBuf>,
    pub(super) ready_below_memory: bool,
    /// How the flags of the place and the token are called.
    pub(super) names: (String, String),
}

impl Admin {
    /// Reads the flags, and no file; `None` where there is to be no such listener.
    ///
    /// # Errors
    ///
    /// A value that is none, or a flag that would have no effect.
    pub(crate) fn read(options: &Serve) -> Result<Option<Self>, clap::Error> {
        let admin = &options.admin;
        let Some(place) = &admin.admin else {
            let said = [
                ("admin_token_file", admin.admin_token_file.is_some()),
                ("admin_host", !admin.admin_host.is_empty()),
                ("ready_below_memory", admin.ready_below_memory),
            ];
            return match said.into_iter().find(|(_, is_said)| *is_said) {
                Some((id, _)) => Err(no_effect(options, id, "without")),
                None => Ok(None),
            };
        };
        let invalid = |id: &str, value: &str, why: String| {
            let (value, name) = (value.escape_debug(), options.name_of(id));
            usage_error(format!("invalid value '{value}' for '{name}': {why}"))
        };
        let place = Place::parse(place).map_err(|why| invalid("admin", place, why))?;
        if place.tcp().is_none() {
            let said = [
                ("admin_token_file", admin.admin_token_file.is_some()),
                ("admin_host", !admin.admin_host.is_empty()),
            ];
            if let Some((id, _)) = said.into_iter().find(|(_, is_said)| *is_said) {
                return Err(no_effect(options, id, "on the Unix socket of"));
            }
        }
        // What a name stands for is known once it is resolved, at the start.
        let is_of_others = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        if let Some(Listen::Address(address)) = place.tcp()
            && is_of_others(address)
            && admin.admin_token_file.is_none()
        {
            let (admin, token_file) =
                (options.name_of("admin"), options.name_of("admin_token_file"));
            return Err(usage_error(needs_token(&admin, &token_file)));
        }
        let read_host =
            |host: &String| read_host(host).map_err(|why| invalid("admin_host", host, why));
        let hosts = admin.admin_host.iter().map(read_host).collect::<Result<_, _>>()?;
        let token_file = admin.admin_token_file.clone();
        let ready_below_memory = admin.ready_below_memory;
        let names = (options.name_of("admin"), options.name_of("admin_token_file"));
        Ok(Some(Self { place, hosts, token_file, ready_below_memory, names }))
    }
}

/// What is wrong where others reach the listener, and nothing is asked of them.
pub(super) fn needs_token(admin: &str, token_file: &str) -> String {
    format!("{admin} has an address that is not loopback, so {token_file} is needed")
}

fn no_effect(options: &Serve, id: &str, when: &str) -> clap::Error {
    let (flag, admin) = (options.name_of(id), options.name_of("admin"));
    usage_error(format!("{flag} has no effect {when} {admin}"))
}

/// The name of a host, as it is compared with that of requests. Their port is not looked at.
fn read_host(text: &str) -> Result<String, String> {
    let authority = Authority::from_str(text).map_err(|error| error.to_string())?;
    match authority.port() {
        Some(_) => Err("the port is left out here: any is right".into()),
        None if authority.host().is_empty() => Err("the name is missing".into()),
        None => Ok(authority.host().to_owned()),
    }
}
