//! Listeners that whoever started the program has bound: as systemd hands them over, from descriptor 3 on.
//! `LISTEN_FDS` says how many there are, `LISTEN_PID` for which process, and `LISTEN_FDNAMES` what they are
//! called.

#[cfg(unix)]
use std::env;
use std::io;

#[cfg(unix)]
use listenfd::ListenFd;
use stickler::Listen;

/// A listener that was handed over, and how to call it in an error.
pub(super) struct Handed {
    pub(super) listen: Listen,
    pub(super) name: String,
}

/// Takes the listeners that are meant for this process; none where nobody has handed any over. A name that begins
/// with `tls` is one of TLS.
///
/// To be called before there are other threads: the variables are removed.
///
/// # Errors
/// A descriptor that is none, or no socket that can listen; a sentence that has its number.
#[cfg(unix)]
pub(super) fn take() -> io::Result<Vec<Handed>> {
    let Some(count) = env::var_os("LISTEN_FDS").filter(|count| !count.is_empty()) else {
        return Ok(Vec::new());
    };
    let count = count.to_str().and_then(|text| text.parse().ok());
    if count.is_none_or(|count: usize| count > MOST) {
        return Err(invalid(format!("LISTEN_FDS is not a number from 0 to {MOST}")));
    }
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let names = names.split(':').chain(std::iter::repeat(""));
    let mut given = ListenFd::from_env();
    (0..given.len()).zip(names).map(|(index, name)| take_one(&mut given, index, name)).collect()
}

/// Nobody hands listeners over here.
#[cfg(not(unix))]
pub(super) fn take() -> io::Result<Vec<Handed>> {
    Ok(Vec::new())
}

#[cfg(unix)]
fn take_one(given: &mut ListenFd, index: usize, name: &str) -> io::Result<Handed> {
    let called = match name {
        "" => format!("descriptor {} of LISTEN_FDS", FIRST + index),
        name => format!("descriptor {} of LISTEN_FDS, {}", FIRST + index, name.escape_debug()),
    };
    let listen = match given.take_tcp_listener(index) {
        Ok(listener) => listener.map(Listen::from),
        // It is no socket of TCP, and left where it is.
        Err(_) => given.take_unix_listener(index).ok().flatten().map(Listen::from),
    };
    let Some(listen) = listen else {
        let why = "it is closed, or no socket of TCP and no stream socket of Unix";
        return Err(invalid(format!("cannot listen on {called}: {why}")));
    };
    Ok(Handed { listen: if name.starts_with("tls") { listen.tls() } else { listen }, name: called })
}

#[cfg(unix)]
fn invalid(sentence: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, sentence)
}

/// The first descriptor that is handed over.
#[cfg(unix)]
const FIRST: usize = 3;

/// More listeners than any server has.
#[cfg(unix)]
const MOST: usize = 1024;
