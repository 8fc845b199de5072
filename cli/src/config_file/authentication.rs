//! The table `authentication` of a route: which tokens let a client in.

use std::path::PathBuf;

use jsonwebtoken::Algorithm;
use toml::Spanned;
use toml::de::DeValue;

use super::of_key;
use super::routes::{Found, Places, text};
use crate::auth::Settings;
use crate::auth::jwt::{self, KeyFile};
use crate::auth::scope::Scopes;

/// Reads the table; no file that it names is opened.
pub(super) fn read(value: &Spanned<DeValue<'_>>, place: Places<'_>) -> Result<Settings, Found> {
    let here = place(value.span().start);
    let DeValue::Table(fields) = value.get_ref() else {
        return Err(vec![(here, "'authentication' is a table".into())]);
    };
    let mut settings =
        Settings { tokens: None, jwt: None, query: false, scopes: Scopes::default() };
    let mut found = Found::new();
    for (key, value) in fields {
        let name = key.get_ref().as_ref();
        let read = match name {
            "tokens" => text(value).map(|path| settings.tokens = Some(path.into())),
            "query" => boolean(value).map(|query| settings.query = query),
            "scope" => text(value).and_then(Scopes::parse).map(|scopes| settings.scopes = scopes),
            "jwt" => match read_jwt(value, place) {
                Ok(jwt) => {
                    settings.jwt = Some(jwt);
                    continue;
                }
                Err(inside) => {
                    found.extend(inside);
                    continue;
                }
            },
            _ => Err("there are tokens, jwt, query and scope".into()),
        };
        if let Err(sentence) = read {
            found.push((place(key.span().start), unknown_or(name, sentence, &NAMES)));
        }
    }
    if found.is_empty() && settings.tokens.is_none() && settings.jwt.is_none() {
        found.push((here, "'authentication' has 'tokens' or 'jwt', or both".into()));
    }
    if found.is_empty() { Ok(settings) } else { Err(found) }
}

fn read_jwt(value: &Spanned<DeValue<'_>>, place: Places<'_>) -> Result<jwt::Settings, Found> {
    let here = place(value.span().start);
    let DeValue::Table(fields) = value.get_ref() else {
        return Err(vec![(here, "'jwt' is a table".into())]);
    };
    let mut found = Found::new();
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| key.span().start);
    let mut read = Jwt::default();
    for (key, value) in fields {
        let name = key.get_ref().as_ref();
        if let Err(sentence) = read.field(name, value) {
            found.push((place(key.span().start), unknown_or(name, sentence, &JWT_NAMES)));
        }
    }
    if found.is_empty() {
        return read.whole().map_err(|sentence| vec![(here, format!("'jwt': {sentence}"))]);
    }
    Err(found)
}

/// What was read of the table `jwt` so far.
#[derive(Default)]
struct Jwt {
    algorithms: Vec<Algorithm>,
    files: Vec<(FileOf, PathBuf)>,
    issuer: Option<String>,
    audience: Option<String>,
    scope_claim: Option<String>,
}

enum FileOf {
    Secret,
    Key,
    Set,
}

impl Jwt {
    fn field(&mut self, name: &str, value: &Spanned<DeValue<'_>>) -> Result<(), String> {
        let mut file = |of| text(value).map(|path| self.files.push((of, path.into())));
        match name {
            "secret" => file(FileOf::Secret),
            "key" => file(FileOf::Key),
            "jwks" => file(FileOf::Set),
            "algorithm" => algorithms(value).map(|all| self.algorithms = all),
            "issuer" => text(value).map(|it| self.issuer = Some(it.to_owned())),
            "audience" => text(value).map(|it| self.audience = Some(it.to_owned())),
            "scope-claim" => text(value).map(|it| self.scope_claim = Some(it.to_owned())),
            _ => {
                Err("there are algorithm, secret, key, jwks, issuer, audience and scope-claim"
                    .into())
            }
        }
    }

    fn whole(mut self) -> Result<jwt::Settings, &'static str> {
        let issuer = self.issuer.ok_or("it has an 'issuer'")?;
        let audience = self.audience.ok_or("it has an 'audience'")?;
        let file = self.files.pop().filter(|_| self.files.is_empty());
        let (of, path) = file.ok_or("it has one of 'secret', 'key' and 'jwks'")?;
        let keys = match (of, &self.algorithms[..]) {
            (_, []) => return Err("it has an 'algorithm'"),
            (FileOf::Secret, [Algorithm::HS256]) => KeyFile::Secret(path),
            (FileOf::Secret, _) => return Err("a 'secret' is for HS256 alone"),
            (FileOf::Key | FileOf::Set, all) if all.contains(&Algorithm::HS256) => {
                return Err(
                    "HS256 is for a 'secret': there is no symmetric key in a public one or in a 'jwks'",
                );
            }
            (FileOf::Key, [only]) => KeyFile::Pem(path, *only),
            (FileOf::Key, _) => return Err("a 'key' has one 'algorithm'"),
            (FileOf::Set, all) => KeyFile::Set(path, all.to_vec()),
        };
        let scope_claim = self.scope_claim.unwrap_or_else(|| "scope".into());
        Ok(jwt::Settings { keys, issuer, audience, scope_claim })
    }
}

fn algorithms(value: &Spanned<DeValue<'_>>) -> Result<Vec<Algorithm>, String> {
    let one = |value: &Spanned<DeValue<'_>>| match text(value)? {
        "HS256" => Ok(Algorithm::HS256),
        "RS256" => Ok(Algorithm::RS256),
        "ES256" => Ok(Algorithm::ES256),
        _ => Err("there are HS256, RS256 and ES256".to_owned()),
    };
    match value.get_ref() {
        DeValue::Array(values) => values.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

fn boolean(value: &Spanned<DeValue<'_>>) -> Result<bool, String> {
    match value.get_ref() {
        DeValue::Boolean(is) => Ok(*is),
        _ => Err("wanted: true or false".into()),
    }
}

fn unknown_or(name: &str, sentence: String, known: &[&str]) -> String {
    if known.contains(&name) {
        return of_key(name)(sentence);
    }
    format!("there is no key '{}' here; {sentence}", name.escape_debug())
}

const NAMES: [&str; 4] = ["tokens", "jwt", "query", "scope"];

const JWT_NAMES: [&str; 7] =
    ["algorithm", "secret", "key", "jwks", "issuer", "audience", "scope-claim"];
