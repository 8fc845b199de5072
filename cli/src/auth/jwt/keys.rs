//! The keys that verify JSON Web Tokens, and the files that they come from (RFC 7517, RFC 7518).

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::{KeyFile, rsa};
use crate::auth::TokenHash;
use crate::auth::file::{self, Kind};

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<Key>,
    /// Of the content of the file.
    hash: TokenHash,
}

/// One key, and the one algorithm that it is for.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
}

impl Keys {
    /// Reads the keys.
    ///
    /// # Errors
    /// A sentence that names the file.
    pub(super) fn load(file: &KeyFile) -> Result<Keys, String> {
        let (path, kind) = match file {
            KeyFile::Secret(path) => (path, Kind::Secret),
            KeyFile::Pem(path, _) | KeyFile::Set(path, _) => (path, Kind::Public),
        };
        let bytes = file::read(path, kind)?;
        let read = match file {
            KeyFile::Secret(_) => read_secret(&bytes).map(|key| vec![key]),
            KeyFile::Pem(_, algorithm) => read_pem(&bytes, *algorithm).map(|key| vec![key]),
            KeyFile::Set(_, allowed) => read_set(&bytes, allowed),
        };
        let keys = read.map_err(|why| format!("{}: {why}", Path::new(path).display()))?;
        Ok(Keys { keys, hash: TokenHash::of(&bytes) })
    }

    /// Whether these are of a file with the same content.
    pub(super) fn are_as(&self, other: &Keys) -> bool {
        self.hash.ct_eq(&other.hash).into()
    }

    /// The key for a token that names this one. Where there is a single key without an identifier, or a token names
    /// none, there is nothing to choose.
    pub(super) fn find(&self, id: Option<&str>) -> Result<&Key, &'static str> {
        match (&self.keys[..], id) {
            ([only], None) => Ok(only),
            ([only], Some(_)) if only.id.is_none() => Ok(only),
            (_, None) => Err("the token names none of several keys"),
            (all, Some(id)) => all
                .iter()
                .find(|key| key.id.as_deref() == Some(id))
                .ok_or("the token names a key that is not known here"),
        }
    }
}

/// A secret is the content of its file, without a line end behind it.
fn read_secret(bytes: &[u8]) -> Result<Key, String> {
    let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
    // RFC 7518 §3.2: as long as the hash at least.
    if secret.len() < SHORTEST_SECRET {
        return Err(format!(
            "a secret for HS256 has {SHORTEST_SECRET} bytes at least (RFC 7518 3.2)"
        ));
    }
    // RFC 8725 §2.1: whoever knows a public key must not be able to sign with it.
    if secret.starts_with(BEGIN) {
        return Err("this is a key in PEM, and no secret".into());
    }
    let key = DecodingKey::from_secret(secret).map_err(|_| "this is no secret".to_owned())?;
    Ok(Key { id: None, algorithm: Algorithm::HS256, key })
}

fn read_pem(bytes: &[u8], algorithm: Algorithm) -> Result<Key, String> {
    let is_of = |label: &str| {
        let begin = format!("-----BEGIN {label}-----");
        bytes.trim_ascii_start().starts_with(begin.as_bytes())
    };
    let is_public = is_of("PUBLIC KEY") || algorithm == Algorithm::RS256 && is_of("RSA PUBLIC KEY");
    if !is_public {
        return Err(
            "wanted: a public key in PEM, which begins with -----BEGIN PUBLIC KEY-----".into()
        );
    }
    // Only the first would be read, and no token of another one would be good.
    if bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN).count() > 1 {
        return Err("wanted: one key; a 'jwks' has several".into());
    }
    let no_key = || format!("this is no public key for {algorithm:?}");
    let key = match algorithm {
        Algorithm::RS256 => DecodingKey::from_rsa_pem(bytes),
        _ => DecodingKey::from_ec_pem(bytes),
    };
    let key = key.map_err(|_| no_key())?;
    let content = key.try_get_as_bytes().map_err(|_| no_key())?;
    let key = match algorithm {
        Algorithm::RS256 => {
            let (n, e) = rsa::parts(content).ok_or_else(no_key)?;
            rsa::key(n, e)?
        }
        _ if content.len() != 65 || content.first() != Some(&4) => return Err(no_key()),
        _ => point(content)?,
    };
    Ok(Key { id: None, algorithm, key })
}

/// RFC 7517 §5. A key that is for encrypting is none of ours; any other has to be of use.
fn read_set(bytes: &[u8], allowed: &[Algorithm]) -> Result<Vec<Key>, String> {
    let set: Value =
        serde_json::from_slice(bytes).map_err(|error| format!("this is no JSON: {error}"))?;
    let members =
        set.get("keys").and_then(Value::as_array).ok_or("a set of keys has a list 'keys'")?;
    let mut keys: Vec<Key> = Vec::new();
    for (place, member) in (1..).zip(members) {
        let member = member.as_object().ok_or_else(|| format!("key {place} is no object"))?;
        let named = |why| format!("key {place}: {why}");
        match string(member, "use").map_err(named)? {
            Some("enc") => continue,
            None | Some("sig") => {}
            Some(_) => return Err(named("its use is neither sig nor enc".into())),
        }
        let key = read_member(member, allowed).map_err(named)?;
        if keys.iter().any(|other| other.id == key.id) {
            return Err(format!("key {place}: each key has a kid of its own"));
        }
        keys.push(key);
    }
    if keys.is_empty() {
        return Err("there is no key that verifies signatures".into());
    }
    Ok(keys)
}

fn read_member(member: &Map<String, Value>, allowed: &[Algorithm]) -> Result<Key, String> {
    let algorithm = match text(member, "kty") {
        Some("RSA") => Algorithm::RS256,
        Some("EC") => Algorithm::ES256,
        Some("oct") => {
            return Err("a symmetric key does not belong into a set of public keys".into());
        }
        _ => return Err("its kty is neither RSA nor EC".into()),
    };
    if ["d", "p", "q", "k"].iter().any(|part| member.contains_key(*part)) {
        return Err("this is a private key; the server needs the public one".into());
    }
    let name = format!("{algorithm:?}");
    let has_alg = member.contains_key("alg");
    if !allowed.contains(&algorithm) || has_alg && text(member, "alg") != Some(&name) {
        return Err("its algorithm is none of those that the route allows".into());
    }
    check_operations(member)?;
    let id = string(member, "kid")?.map(str::to_owned);
    let key = match algorithm {
        Algorithm::RS256 => rsa::key(&number(member, "n")?, &number(member, "e")?)?,
        _ => read_ec(member)?,
    };
    Ok(Key { id, algorithm, key })
}

/// RFC 7517 §4.3.
fn check_operations(member: &Map<String, Value>) -> Result<(), String> {
    let Some(operations) = member.get("key_ops") else { return Ok(()) };
    match operations.as_array() {
        Some(all) if all.iter().all(Value::is_string) => {
            let verifies = all.iter().any(|one| one == "verify");
            if verifies { Ok(()) } else { Err("its key_ops do not have verify".into()) }
        }
        _ => Err("its key_ops are no list of strings".into()),
    }
}

fn read_ec(member: &Map<String, Value>) -> Result<DecodingKey, String> {
    if text(member, "crv") != Some("P-256") {
        return Err("its curve is not P-256".into());
    }
    let (x, y) = (number(member, "x")?, number(member, "y")?);
    // RFC 7518 §6.2.1.2: each has the length of the curve's field, zeros included.
    if x.len() != 32 || y.len() != 32 {
        return Err("its x and y have not 32 bytes".into());
    }
    point(&[&[4][..], &x, &y].concat())
}

/// The key that is this point, uncompressed.
fn point(octets: &[u8]) -> Result<DecodingKey, String> {
    // `ring` looks at a point when it is used, and ECDH uses one without a signature.
    let random = SystemRandom::new();
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random);
    let own = own.map_err(|_| "there are no random numbers".to_owned())?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, octets);
    agree_ephemeral(own, &peer, |_| ()).map_err(|_| "this is no point of P-256".to_owned())?;
    Ok(DecodingKey::from_ec_der(octets))
}

/// A member that is a string where it is there (RFC 7517 §4).
fn string<'m>(member: &'m Map<String, Value>, name: &str) -> Result<Option<&'m str>, String> {
    let text = |value: &'m Value| value.as_str().ok_or_else(|| format!("its {name} is no string"));
    member.get(name).map(text).transpose()
}

fn text<'m>(member: &'m Map<String, Value>, name: &str) -> Option<&'m str> {
    member.get(name).and_then(Value::as_str)
}

fn number(member: &Map<String, Value>, name: &str) -> Result<Vec<u8>, String> {
    let digits = text(member, name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    digits.ok_or_else(|| format!("its {name} is no number in base64url"))
}

/// In bytes.
const SHORTEST_SECRET: usize = 32;

/// What each key in PEM begins with.
const BEGIN: &[u8] = b"-----BEGIN";
