//! Classes of octets, one table for all of them.

/// A set of octets that some production of the grammar allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Class(u8);

impl Class {
    /// RFC 9110 §5.6.2: what tokens are made of.
    pub(crate) const TOKEN: Self = Self(1);
    /// RFC 9110 §5.5: what a field value may hold, whitespace included.
    pub(crate) const FIELD: Self = Self(2);
    /// RFC 5234 B.1: visible ASCII.
    pub(crate) const VISIBLE: Self = Self(4);
    /// Path octets of a request-target: RFC 3986 §3.3, and what browsers send raw beside it.
    pub(crate) const PATH: Self = Self(8);
    /// Query octets of a request-target: RFC 3986 §3.4, and what browsers send raw beside it.
    pub(crate) const QUERY: Self = Self(16);
    /// RFC 3986 §3.2.2: a registered name, without the comma that joined field lines show.
    pub(crate) const REG_NAME: Self = Self(32);

    /// Whether `octet` belongs to the class.
    pub(crate) fn holds(self, octet: u8) -> bool {
        // RFC 9112 §2.2: octets beyond ASCII have their classes too.
        CLASSES.get(usize::from(octet)).is_some_and(|classes| classes & self.0 != 0)
    }

    /// How many octets at the front of `octets` belong to the class.
    pub(crate) fn run(self, octets: &[u8]) -> usize {
        octets.iter().position(|&octet| !self.holds(octet)).unwrap_or(octets.len())
    }

    /// Whether all of `octets` belong to the class.
    pub(crate) fn holds_all(self, octets: &[u8]) -> bool {
        self.run(octets) == octets.len()
    }
}

/// For each octet the classes that it belongs to.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    mark(&mut classes, Class::FIELD, b"\t ");
    mark_range(&mut classes, Class::FIELD, 0x21, 0x7e);
    mark_range(&mut classes, Class::FIELD, 0x80, 0xff);
    mark_range(&mut classes, Class::VISIBLE, 0x21, 0x7e);
    mark_alphanumeric(&mut classes, Class::TOKEN);
    mark(&mut classes, Class::TOKEN, b"!#$%&'*+-.^_`|~");
    mark_alphanumeric(&mut classes, Class::REG_NAME);
    mark(&mut classes, Class::REG_NAME, b"-._~%!$&'()*+;=");
    mark_alphanumeric(&mut classes, Class::PATH);
    mark(&mut classes, Class::PATH, b"-._~%!$&'()*+,;=:@/[]{}|^`");
    mark_alphanumeric(&mut classes, Class::QUERY);
    mark(&mut classes, Class::QUERY, b"-._~%!$&'()*+,;=:@/[]{}|^`?\\");
    classes
};

const fn mark_alphanumeric(classes: &mut [u8; 256], class: Class) {
    mark_range(classes, class, b'0', b'9');
    mark_range(classes, class, b'A', b'Z');
    mark_range(classes, class, b'a', b'z');
}

#[expect(clippy::indexing_slicing, reason = "runs in the compiler only")]
const fn mark_range(classes: &mut [u8; 256], class: Class, first: u8, last: u8) {
    let mut octet = first as usize;
    while octet <= last as usize {
        classes[octet] |= class.0;
        octet += 1;
    }
}

#[expect(clippy::indexing_slicing, reason = "runs in the compiler only")]
const fn mark(classes: &mut [u8; 256], class: Class, octets: &[u8]) {
    let mut at = 0;
    while at < octets.len() {
        classes[octets[at] as usize] |= class.0;
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_agree_with_the_grammar_octet_by_octet() {
        for octet in 0..=255_u8 {
            let separator = b"()<>@,;:\\\"/[]?={} \t".contains(&octet);
            assert_eq!(
                Class::TOKEN.holds(octet),
                octet.is_ascii_graphic() && !separator,
                "{octet:#x}"
            );
            let control = octet.is_ascii_control() && octet != b'\t';
            assert_eq!(Class::FIELD.holds(octet), !control, "{octet:#x}");
            assert_eq!(Class::VISIBLE.holds(octet), octet.is_ascii_graphic(), "{octet:#x}");
            let query = octet.is_ascii_graphic() && !b"\"<>#".contains(&octet);
            assert_eq!(Class::QUERY.holds(octet), query, "{octet:#x}");
            let path = query && !b"?\\".contains(&octet);
            assert_eq!(Class::PATH.holds(octet), path, "{octet:#x}");
            let reg_name = path && !b",:@/[]{}|^`".contains(&octet);
            assert_eq!(Class::REG_NAME.holds(octet), reg_name, "{octet:#x}");
        }
    }
}
