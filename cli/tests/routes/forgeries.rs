//! JSON Web Tokens from outside; the table of forgeries stands beside the source.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use stickler_testing::folder::Folder;

use super::client::Client;
use super::{refusal, serve, set_mode, token, write};

const P256: &[u8] = include_bytes!("keys/p256.pk8");
const SECRET: &str = "a secret of 32 bytes, or of more";

const CONFIGURATION: &str = "[[route]]\npath = '/set'\napplication = 'echo'\n\
    [route.authentication]\ntokens = 'tokens'\nscope = 'chat'\n\
    [route.authentication.jwt]\njwks = 'keys.json'\nalgorithm = ['ES256', 'RS256']\nissuer = 'https://id.example'\n\
    audience = 'stickler'\nscope-claim = 'scp'\n\
    [[route]]\npath = '/secret'\napplication = 'echo'\n\
    authentication.jwt = { secret = 'secret', algorithm = 'HS256', issuer = 'i', audience = 'a' }\n\
    [[route]]\npath = '/key'\napplication = 'echo'\n\
    authentication.jwt = { key = 'p256.pem', algorithm = 'ES256', issuer = 'https://id.example', audience = 'stickler' }\n";

fn pair() -> EcdsaKeyPair {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, P256, &SystemRandom::new()).unwrap()
}

fn write_all(folder: &Folder) {
    let point = pair().public_key().as_ref().to_vec();
    let (x, y) = point[1..].split_at(32);
    let key = json!({ "kty": "EC", "crv": "P-256", "kid": "k1", "alg": "ES256", "x": BASE64.encode(x), "y": BASE64.encode(y) });
    write(folder, "keys.json", json!({ "keys": [key] }).to_string());
    write(folder, "secret", SECRET);
    write(folder, "p256.pem", include_str!("keys/p256.pem"));
}

fn text(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()))
}

fn es256(claims: &Value) -> String {
    let text = text(&json!({ "alg": "ES256", "kid": "k1" }), claims);
    let signature = pair().sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    format!("{text}.{}", BASE64.encode(signature))
}

fn hs256(claims: &Value, secret: &[u8]) -> String {
    let text = text(&json!({ "alg": "HS256" }), claims);
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature))
}

#[test]
fn s7519_a_signed_token_lets_in_and_a_forged_one_does_not() {
    let folder = Folder::new("jwt");
    write_all(&folder);
    let (plain, line) = token("ann");
    write(&folder, "tokens", format!("{line} scope=chat\n"));
    let configuration = format!("chat = 'off'\npage = 'off'\n{CONFIGURATION}");
    let server = serve(&folder, &configuration, &["--log", "trace"]);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = |scope: &str, exp: u64| json!({ "iss": "https://id.example", "aud": "stickler", "sub": "cleo", "exp": exp, "scp": scope });
    let good = es256(&claims("chat", now + 600));
    let of_secret = |secret: &str| {
        hs256(&json!({ "iss": "i", "aud": ["a"], "exp": now + 600 }), secret.as_bytes())
    };
    let rows = [
        ("/set", good.clone(), 101, ""),
        // Tokens of the file are good beside them.
        ("/set", plain, 101, ""),
        ("/set", es256(&claims("read", now + 600)), 403, "insufficient_scope"),
        ("/set", es256(&claims("chat", now - 60)), 401, "the token has expired"),
        ("/set", format!("{}x", &good[..good.len() - 1]), 401, "invalid_token"),
        (
            "/set",
            hs256(&claims("chat", now + 600), pair().public_key().as_ref()),
            401,
            "the algorithm is not that of the key",
        ),
        (
            "/set",
            format!("{}.", text(&json!({ "alg": "none" }), &claims("chat", now + 600))),
            401,
            "no JSON Web Token",
        ),
        ("/key", good.clone(), 101, ""),
        ("/secret", of_secret(SECRET), 101, ""),
        (
            "/secret",
            of_secret("another secret of 32 bytes and more"),
            401,
            "the signature is not good",
        ),
        // A token for one route is none for another issuer.
        ("/secret", good.clone(), 401, "the algorithm is not that of the key"),
    ];
    for (path, token, status, part) in rows {
        let client = Client::bearing(server.address(), path, &token);
        assert_eq!(client.status(), status, "{path}: {}{}", client.head, client.content);
        assert!(
            client.field("www-authenticate").unwrap_or_default().contains(part),
            "{}",
            client.head
        );
    }
    // All of it may stand in a list of subprotocols.
    let offer = format!("Sec-WebSocket-Protocol: chat, bearer.{good}\r\n");
    assert_eq!(Client::open(server.address(), "/set", &offer).status(), 101);
    server.retire().unwrap();
    assert!(
        !server.log().contains(&good[..40]) && server.log().contains("cleo"),
        "{}",
        server.log()
    );
}

#[test]
fn keys_that_cannot_be_used_end_the_start() {
    let folder = Folder::new("keys");
    let (_, line) = token("ann");
    write(&folder, "tokens", line);
    let start = || refusal(&folder, CONFIGURATION);
    write_all(&folder);
    set_mode(&write(&folder, "secret", SECRET), 0o644);
    assert!(start().1.contains("secret has mode 0644"), "{start:?}", start = start());
    write_all(&folder);
    set_mode(&write(&folder, "keys.json", "{}"), 0o666);
    assert!(start().1.contains("keys.json has mode 0666"));
    write_all(&folder);
    write(&folder, "keys.json", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }).to_string());
    let (code, said) = start();
    assert!(code == Some(1) && said.contains("keys.json: key 1: a symmetric key"), "{said}");
    write_all(&folder);
    write(&folder, "secret", "short");
    assert!(start().1.contains("32 bytes at least"));
}
