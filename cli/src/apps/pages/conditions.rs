//! What a request says of the answer that it wants: Accept and If-None-Match (RFC 9110 §12.5.1, §13.1.2).

/// Whether HTML is named and wanted. `*/*` alone names nothing: programs send it as well.
pub(super) fn names_html<'a>(accept: impl Iterator<Item = &'a [u8]>) -> bool {
    accept.flat_map(|field| field.split(|&octet| octet == b',')).any(|member| {
        let mut parts = member.split(|&octet| octet == b';').map(<[u8]>::trim_ascii);
        let kind = parts.next().unwrap_or_default();
        let is_html = ["text/html", "application/xhtml+xml"]
            .iter()
            .any(|html| kind.eq_ignore_ascii_case(html.as_bytes()));
        is_html && !parts.any(is_zero)
    })
}

/// RFC 9110 §12.4.2: a weight of 0 says that it is not wanted.
fn is_zero(parameter: &[u8]) -> bool {
    let Some((name, value)) = parameter.split_first() else { return false };
    let Some(weight) = value.strip_prefix(b"=").filter(|_| name.eq_ignore_ascii_case(&b'q')) else {
        return false;
    };
    weight.starts_with(b"0") && weight.iter().all(|octet| b"0.".contains(octet))
}

/// Whether one of the entity tags that the client has is this strong one. Where nothing is changed by the
/// request a weak tag is as good (RFC 9110 §13.1.2).
pub(super) fn matches_tag<'a>(mut fields: impl Iterator<Item = &'a [u8]>, tag: &str) -> bool {
    fields.any(|field| {
        field.split(|&octet| octet == b',').map(<[u8]>::trim_ascii).any(|known| {
            known == b"*" || known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9110_12_5_1_browsers_name_html() {
        for accept in [
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "image/png, TEXT/HTML ; q=0.1",
            "application/xhtml+xml;q=1",
        ] {
            assert!(names_html([accept.as_bytes()].into_iter()), "{accept}");
        }
        for accept in ["", "*/*", "text/*", "text/html;q=0", "text/html; Q=0.000", "text/htmlx"] {
            assert!(!names_html([accept.as_bytes()].into_iter()), "{accept}");
        }
        assert!(names_html([&b"*/*"[..], b"text/html"].into_iter()));
        assert!(!names_html(std::iter::empty()));
    }

    #[test]
    fn s9110_13_1_2_a_known_tag_matches() {
        let matches = |field: &str| matches_tag([field.as_bytes()].into_iter(), "\"a\"");
        for field in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(matches(field), "{field}");
        }
        for field in ["", "\"b\"", "a", "\"A\""] {
            assert!(!matches(field), "{field}");
        }
    }
}
