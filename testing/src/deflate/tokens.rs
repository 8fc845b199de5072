//! What a compressed block is made of, and a simple way to make it of bytes.

use std::collections::HashMap;

/// A literal, or a copy of what came so many bytes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    Literal(u8),
    /// 3 to 258 bytes, from 1 to 32768 bytes back.
    Copy {
        length: usize,
        distance: usize,
    },
}

/// Each byte as a literal.
pub fn plain(bytes: impl AsRef<[u8]>) -> Vec<Token> {
    bytes.as_ref().iter().copied().map(Token::Literal).collect()
}

/// Copies wherever the last three bytes alike are near enough, literals elsewhere.
pub fn tokens(history: &[u8], bytes: &[u8], window: usize) -> Vec<Token> {
    let all = [history, bytes].concat();
    let mut seen = HashMap::new();
    let mut tokens = Vec::new();
    let mut copied = history.len();
    for at in 0..all.len() {
        let three = all.get(at..at + 3);
        let before = three.and_then(|three| seen.insert(three, at));
        if at < copied {
            continue;
        }
        copied = at + 1;
        let Some(from) = before.filter(|from| at - from <= window) else {
            tokens.push(Token::Literal(all[at]));
            continue;
        };
        let alike = all[from..].iter().zip(&all[at..]).take(258).take_while(|(a, b)| a == b);
        let length = alike.count();
        tokens.push(Token::Copy { length, distance: at - from });
        copied = at + length;
    }
    tokens
}
