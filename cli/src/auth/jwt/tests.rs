//! Good tokens, and forged ones (RFC 8725).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use ring::{hmac, signature::KeyPair as _};
use serde_json::{Value, json};
use stickler_testing::folder::Folder;

use super::*;

const SECRET: &[u8] = b"a secret of 32 bytes, or of more";
const RSA: &[u8] = include_bytes!("../../../tests/routes/keys/rsa.pk8");
const P256: &[u8] = include_bytes!("../../../tests/routes/keys/p256.pk8");
const RSA_PEM: &str = include_str!("../../../tests/routes/keys/rsa.pem");
const P256_PEM: &str = include_str!("../../../tests/routes/keys/p256.pem");
const P384_PEM: &str = include_str!("../../../tests/routes/keys/p384.pem");
const PEM_OF_2040: &str = include_str!("../../../tests/routes/keys/rsa-2040.pem");
const SHORT_PEM: &str = include_str!("../../../tests/routes/keys/rsa-1024.pem");

fn sign(algorithm: Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::HS256 => {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
        }
        Algorithm::RS256 => {
            let pair = KeyPair::from_pkcs8(key).unwrap();
            let mut signature = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &random, text, &mut signature).unwrap();
            signature
        }
        _ => {
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random).unwrap();
            pair.sign(&random, text).unwrap().as_ref().to_vec()
        }
    }
}

fn token(header: &Value, claims: &Value, algorithm: Algorithm, key: &[u8]) -> String {
    let text =
        format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
    let signature = sign(algorithm, key, text.as_bytes());
    format!("{text}.{}", BASE64.encode(signature))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims that let a client in.
fn claims() -> Value {
    json!({ "iss": "https://id.example", "aud": "stickler", "sub": "ann", "exp": now() + 600, "scope": "chat read" })
}

/// The claims with one of them changed, or without it.
fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let fields = claims.as_object_mut().unwrap();
    match value {
        Value::Null => fields.remove(name),
        value => fields.insert(name.into(), value),
    };
    claims
}

fn settings(keys: KeyFile) -> Settings {
    let (issuer, audience) = ("https://id.example".into(), "stickler".into());
    Settings { keys, issuer, audience, scope_claim: "scope".into() }
}

fn write(folder: &Folder, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("keys");
    fs::write(&path, content).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    path
}

fn why(jwt: &Jwt, token: &str) -> &'static str {
    match jwt.verify(token) {
        Err(Refusal::Invalid { name: None, why }) => why,
        other => panic!("{token}: {other:?}"),
    }
}

fn member(kind: &str, id: &str) -> Value {
    match kind {
        "RSA" => {
            let public = KeyPair::from_pkcs8(RSA).unwrap();
            let parts = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(public.public());
            json!({ "kty": "RSA", "kid": id, "alg": "RS256", "use": "sig", "n": BASE64.encode(parts.n), "e": BASE64.encode(parts.e) })
        }
        _ => {
            let random = SystemRandom::new();
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, P256, &random).unwrap();
            let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
            json!({ "kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "x": BASE64.encode(x), "y": BASE64.encode(y) })
        }
    }
}

fn of_secret() -> Jwt {
    let folder = Folder::new("jwt-secret");
    Jwt::load(settings(KeyFile::Secret(write(&folder, [SECRET, b"\n"].concat())))).unwrap()
}

fn of_pem(pem: &str, algorithm: Algorithm) -> Result<Jwt, String> {
    let folder = Folder::new("jwt-pem");
    Jwt::load(settings(KeyFile::Pem(write(&folder, pem), algorithm)))
}

fn of_set(members: &[Value]) -> Result<Jwt, String> {
    let folder = Folder::new("jwt-set");
    let path = write(&folder, json!({ "keys": members }).to_string());
    Jwt::load(settings(KeyFile::Set(path, vec![Algorithm::RS256, Algorithm::ES256])))
}

#[test]
fn s7515_a_token_of_each_algorithm_is_verified_and_names_its_subject() {
    for (algorithm, key, jwt) in [
        (Algorithm::HS256, SECRET, of_secret()),
        (Algorithm::RS256, RSA, of_pem(RSA_PEM, Algorithm::RS256).unwrap()),
        (Algorithm::ES256, P256, of_pem(P256_PEM, Algorithm::ES256).unwrap()),
        (Algorithm::RS256, RSA, of_set(&[member("EC", "b"), member("RSA", "a")]).unwrap()),
        (Algorithm::ES256, P256, of_set(&[member("EC", "a"), member("RSA", "b")]).unwrap()),
    ] {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": "a" });
        let good = token(&header, &claims(), algorithm, key);
        let known = jwt.verify(&good).unwrap();
        assert_eq!(known.name, "ann");
        assert!(known.scopes.hold(&Scopes::parse("read chat").unwrap()));
        // One bit of the signature, or one of the claims, and it is not.
        let (text, signature) = good.rsplit_once('.').unwrap();
        let mut octets = BASE64.decode(signature).unwrap();
        octets[7] ^= 1;
        assert_eq!(
            why(&jwt, &format!("{text}.{}", BASE64.encode(octets))),
            "the signature is not good"
        );
        let (head, _) = text.split_once('.').unwrap();
        let other = BASE64.encode(with("sub", "eve".into()).to_string());
        assert_eq!(why(&jwt, &format!("{head}.{other}.{signature}")), "the signature is not good");
    }
}

#[test]
fn s8725_forgeries_are_refused() {
    let rsa = of_pem(RSA_PEM, Algorithm::RS256).unwrap();
    let header = json!({ "alg": "RS256" });
    let text =
        format!("{}.{}", BASE64.encode(r#"{"alg":"none"}"#), BASE64.encode(claims().to_string()));
    let no_token = "the token is not known here and no JSON Web Token";
    // §2.1: no signature, in every spelling; and the public key, or what is in it, as a secret.
    for name in ["none", "None", "NONE", ""] {
        let head = BASE64.encode(json!({ "alg": name }).to_string());
        let body = BASE64.encode(claims().to_string());
        assert_eq!(why(&rsa, &format!("{head}.{body}.")), no_token, "{name}");
    }
    let other_algorithm = "the algorithm is not that of the key";
    for secret in [RSA_PEM.as_bytes(), RSA_PEM.trim_end().as_bytes()] {
        let forged = token(&json!({ "alg": "HS256" }), &claims(), Algorithm::HS256, secret);
        assert_eq!(why(&rsa, &forged), other_algorithm);
    }
    // An algorithm of the same family, and one of another.
    for name in ["RS384", "PS256", "ES256", "EdDSA", "HS512"] {
        let forged = token(&json!({ "alg": name }), &claims(), Algorithm::RS256, RSA);
        assert_eq!(why(&rsa, &forged), other_algorithm, "{name}");
    }
    // A key that the token brings along, or says where to find.
    let own = json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": BASE64.encode(SECRET) } });
    assert_eq!(why(&rsa, &token(&own, &claims(), Algorithm::HS256, SECRET)), other_algorithm);
    let far = json!({ "alg": "RS256", "jku": "https://evil.example/keys", "x5u": "https://evil.example" });
    assert!(rsa.verify(&token(&far, &claims(), Algorithm::RS256, RSA)).is_ok());
    // What has to be understood and is not (RFC 7515 §4.1.11).
    let critical = json!({ "alg": "RS256", "crit": ["exp"], "exp": 1 });
    assert_eq!(why(&rsa, &token(&critical, &claims(), Algorithm::RS256, RSA)), no_token);
    // A signature of zeros (as of CVE-2022-21449), and in DER, where r and s are wanted.
    let ec = of_pem(P256_PEM, Algorithm::ES256).unwrap();
    let signed =
        format!("{}.{}", BASE64.encode(r#"{"alg":"ES256"}"#), BASE64.encode(claims().to_string()));
    for signature in [vec![0; 64], vec![], vec![0x30, 6, 2, 1, 1, 2, 1, 1], vec![1; 128]] {
        let forged = format!("{signed}.{}", BASE64.encode(signature));
        assert_eq!(why(&ec, &forged), "the signature is not good");
    }
    // No token at all.
    for text in ["", "a", "a.b", "..", "a.b.c", "a.b.c.d", &text, &format!("{text}.a.b.c")] {
        assert_eq!(why(&rsa, text), no_token, "{text}");
    }
    // §3.11: made for something else by the same issuer.
    for (kind, is_good) in [
        ("JWT", true),
        ("at+jwt", true),
        ("application/at+JWT", true),
        ("logout+jwt", false),
        ("dpop+jwt", false),
    ] {
        let typed = json!({ "alg": "RS256", "typ": kind });
        assert_eq!(
            rsa.verify(&token(&typed, &claims(), Algorithm::RS256, RSA)).is_ok(),
            is_good,
            "{kind}"
        );
    }
    assert!(rsa.verify(&token(&header, &claims(), Algorithm::RS256, RSA)).is_ok());
}

#[test]
fn s7519_4_1_claims_decide_and_none_may_lack() {
    let jwt = of_secret();
    let header = json!({ "alg": "HS256" });
    let lacks = "the token lacks one of exp, iss and aud";
    let malformed = "a claim of the token is malformed";
    let rows = [
        ("exp", Value::Null, lacks),
        ("iss", Value::Null, lacks),
        ("aud", Value::Null, lacks),
        ("exp", json!(now() - 40), "the token has expired"),
        ("exp", json!("2099-01-01"), malformed),
        ("exp", json!(-1), malformed),
        ("exp", json!(true), malformed),
        ("exp", json!([now() + 600]), malformed),
        // Two to the power of 64.
        ("exp", json!(18_446_744_073_709_551_616.0), malformed),
        ("iss", json!(1), malformed),
        ("aud", json!(["stickler", 1]), malformed),
        ("aud", json!({ "stickler": 1 }), malformed),
        ("nbf", json!(now() + 60), "the token is not good yet"),
        ("nbf", json!("soon"), malformed),
        ("iss", json!("https://evil.example"), "the token is of another issuer"),
        ("iss", json!("https://id.example/"), "the token is of another issuer"),
        ("iss", json!(["https://id.example"]), "the token is of another issuer"),
        ("aud", json!("other"), "the token is for another audience"),
        ("aud", json!(["other"]), "the token is for another audience"),
        ("aud", json!([]), "the token is for another audience"),
    ];
    for (name, value, expected) in rows {
        let claims = with(name, value.clone());
        assert_eq!(
            why(&jwt, &token(&header, &claims, Algorithm::HS256, SECRET)),
            expected,
            "{name} {value}"
        );
    }
    // One that is there and malformed, beside one that is not there; and one that is null.
    let mut both = with("exp", "soon".into());
    both.as_object_mut().unwrap().remove("aud");
    assert_eq!(why(&jwt, &token(&header, &both, Algorithm::HS256, SECRET)), lacks);
    let twice = claims().to_string().replacen('{', r#"{"exp":1,"#, 1);
    let text = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(twice));
    let signature = BASE64.encode(sign(Algorithm::HS256, SECRET, text.as_bytes()));
    assert_eq!(why(&jwt, &format!("{text}.{signature}")), malformed);
    let mut null = claims();
    null["exp"] = Value::Null;
    assert_eq!(why(&jwt, &token(&header, &null, Algorithm::HS256, SECRET)), malformed);
    for (name, value) in [
        ("exp", json!(now() - 20)),
        ("nbf", json!(now() + 20)),
        ("aud", json!(["other", "stickler"])),
        ("sub", Value::Null),
    ] {
        let good = token(&header, &with(name, value), Algorithm::HS256, SECRET);
        assert!(jwt.verify(&good).is_ok(), "{name}");
    }
    // Names are for the log: short, and without what moves a cursor.
    let long =
        token(&header, &with("sub", "\u{1b}[2J\n".repeat(40).into()), Algorithm::HS256, SECRET);
    let name = jwt.verify(&long).unwrap().name;
    assert!(name.starts_with(r"\u{1b}[2J\n") && name.len() < 512 && name.is_ascii(), "{name}");
}

#[test]
fn s8693_4_2_scopes_are_a_text_or_a_list_of_the_named_claim() {
    let header = json!({ "alg": "HS256" });
    let folder = Folder::new("jwt-scopes");
    let mut settings = settings(KeyFile::Secret(write(&folder, SECRET)));
    settings.scope_claim = "scp".into();
    let jwt = Jwt::load(settings).unwrap();
    for (value, expected) in [
        (json!("chat read"), "chat read"),
        (json!(["chat", "read", 7]), "chat read"),
        (json!(7), ""),
        (Value::Null, ""),
    ] {
        let known =
            jwt.verify(&token(&header, &with("scp", value), Algorithm::HS256, SECRET)).unwrap();
        assert_eq!(known.scopes.to_string(), expected);
    }
}

#[test]
fn s7517_5_a_set_that_is_not_of_public_keys_for_signatures_is_refused() {
    let change = |kind: &str, name: &str, value: Value| {
        let mut member = member(kind, "a");
        member.as_object_mut().unwrap().insert(name.into(), value);
        member
    };
    let n = |octets: &[u8]| Value::from(BASE64.encode(octets));
    let rows = [
        (vec![json!({ "kty": "oct", "k": BASE64.encode(SECRET) })], "symmetric"),
        (vec![member("RSA", "a"), json!({ "kty": "oct", "k": "" })], "key 2: a symmetric"),
        (vec![change("RSA", "d", "AQ".into())], "private key"),
        (vec![change("EC", "d", "AQ".into())], "private key"),
        (vec![change("RSA", "alg", "HS256".into())], "none of those"),
        (vec![change("RSA", "alg", "PS256".into())], "none of those"),
        (vec![change("RSA", "alg", json!(1))], "none of those"),
        (vec![change("EC", "alg", "RS256".into())], "none of those"),
        (vec![change("EC", "crv", "P-384".into())], "not P-256"),
        (vec![change("EC", "x", "AQ".into())], "32 bytes"),
        (vec![change("RSA", "n", "AQ".into())], "2048 bits"),
        // 1024 bits, and so many zeros.
        (
            vec![change("RSA", "n", n(&[vec![0; 128], vec![0xFF; 128]].concat()))],
            "2048 bits at least",
        ),
        // 2047 bits, 8193 bits.
        (vec![change("RSA", "n", n(&[0x7F; 256]))], "2048 bits at least"),
        (vec![change("RSA", "n", n(&[vec![1], vec![0xFF; 1024]].concat()))], "8192 bits at most"),
        (vec![change("RSA", "n", n(&[0; 256]))], "2048 bits at least"),
        // RFC 7518 2: no octet more than it takes.
        (vec![change("RSA", "n", n(&[vec![0], vec![0xFF; 256]].concat()))], "zero octet"),
        (vec![change("RSA", "e", n(&[0, 1, 0, 1]))], "zero octet"),
        (vec![change("RSA", "n", n(&[0xFE; 256]))], "no RSA key"),
        (vec![change("RSA", "e", n(&[1]))], "no RSA key"),
        (vec![change("RSA", "e", n(&[4]))], "no RSA key"),
        (vec![change("RSA", "e", n(&[2, 0, 0, 0, 1]))], "no RSA key"),
        (vec![change("RSA", "e", "".into())], "no RSA key"),
        (vec![change("RSA", "n", "!".into())], "no number"),
        (vec![change("EC", "x", n(&[1; 32]))], "no point of P-256"),
        (vec![change("RSA", "key_ops", json!(["encrypt"]))], "key_ops"),
        (vec![change("RSA", "key_ops", json!("sign"))], "its key_ops are no list of strings"),
        (vec![change("RSA", "key_ops", json!("verify"))], "its key_ops are no list of strings"),
        (
            vec![change("RSA", "key_ops", json!(["verify", 1]))],
            "its key_ops are no list of strings",
        ),
        (vec![change("RSA", "key_ops", Value::Null)], "its key_ops are no list of strings"),
        (vec![change("RSA", "kid", json!(1))], "its kid is no string"),
        (vec![change("RSA", "kid", Value::Null)], "its kid is no string"),
        (vec![change("RSA", "use", json!(1))], "its use is no string"),
        (vec![change("RSA", "use", json!(["enc"]))], "its use is no string"),
        (vec![change("RSA", "use", "other".into())], "its use is neither sig nor enc"),
        (vec![json!({ "kty": "OKP" })], "neither RSA nor EC"),
        (vec![member("RSA", "a"), member("EC", "a")], "a kid of its own"),
        (vec![change("RSA", "use", "enc".into())], "no key that verifies"),
        (vec![json!(1)], "no object"),
        (vec![], "no key that verifies"),
    ];
    for (members, part) in rows {
        let said = of_set(&members).unwrap_err();
        assert!(said.contains(part) && said.contains("keys: "), "{said}");
    }
    let folder = Folder::new("jwt-only");
    let path = write(&folder, json!({ "keys": [member("RSA", "a")] }).to_string());
    let only = KeyFile::Set(path, vec![Algorithm::ES256]);
    assert!(Jwt::load(settings(only)).unwrap_err().contains("none of those"));
    assert!(of_set(&[change("RSA", "key_ops", json!(["sign", "verify"]))]).is_ok());
    // What is for encrypting is left aside.
    assert!(of_set(&[change("RSA", "use", "enc".into()), member("EC", "b")]).is_ok());
}

#[test]
fn s7515_4_1_4_the_token_names_its_key() {
    let good = |id: Value| {
        let header = json!({ "alg": "RS256", "kid": id });
        token(&header, &claims(), Algorithm::RS256, RSA)
    };
    let unnamed = token(&json!({ "alg": "RS256" }), &claims(), Algorithm::RS256, RSA);
    let two = of_set(&[member("RSA", "a"), member("EC", "b")]).unwrap();
    assert!(two.verify(&good("a".into())).is_ok());
    // The key of that name has another algorithm.
    assert_eq!(why(&two, &good("b".into())), "the algorithm is not that of the key");
    assert_eq!(why(&two, &good("c".into())), "the token names a key that is not known here");
    assert_eq!(why(&two, &unnamed), "the token names none of several keys");
    let one = of_set(&[member("RSA", "a")]).unwrap();
    assert!(one.verify(&unnamed).is_ok() && one.verify(&good("a".into())).is_ok());
    assert_eq!(why(&one, &good("b".into())), "the token names a key that is not known here");
}

#[test]
fn s7518_keys_that_are_too_short_or_of_another_kind_are_refused() {
    let folder = Folder::new("jwt-short");
    for (secret, part) in [
        (&SECRET[..31], "32 bytes at least"),
        (b"", "32 bytes at least"),
        (RSA_PEM.as_bytes(), "no secret"),
    ] {
        let path = write(&folder, secret);
        assert!(Jwt::load(settings(KeyFile::Secret(path))).unwrap_err().contains(part), "{part}");
    }
    let private = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        base64::engine::general_purpose::STANDARD.encode(P256)
    );
    for (pem, algorithm, part) in [
        (SHORT_PEM, Algorithm::RS256, "2048 bits"),
        (PEM_OF_2040, Algorithm::RS256, "2048 bits at least"),
        (&format!("{RSA_PEM}{RSA_PEM}"), Algorithm::RS256, "one key"),
        (&format!("{P256_PEM}{RSA_PEM}"), Algorithm::ES256, "one key"),
        (P384_PEM, Algorithm::ES256, "no public key for ES256"),
        (RSA_PEM, Algorithm::ES256, "no public key for ES256"),
        (P256_PEM, Algorithm::RS256, "no public key for RS256"),
        (&private, Algorithm::ES256, "a public key in PEM"),
        ("", Algorithm::ES256, "a public key in PEM"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            Algorithm::RS256,
            "no public key",
        ),
    ] {
        let said = of_pem(pem, algorithm).unwrap_err();
        assert!(said.contains(part), "{said}");
    }
    let missing = Path::new("/nowhere/key").to_path_buf();
    assert!(Jwt::load(settings(KeyFile::Secret(missing))).unwrap_err().contains("/nowhere/key"));
}
