//! Environment variables. One that is empty, or holds only spaces, is not set, whoever reads it.

use std::ffi::OsStr;

/// The value of a variable, unless it is not set.
///
/// # Errors
/// It is not UTF-8: a sentence that names it.
pub(crate) fn read(name: &str) -> Result<Option<String>, String> {
    if is_empty(OsStr::new(name)) {
        return Ok(None);
    }
    match std::env::var(name) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} is not UTF-8")),
    }
}

/// Whether the variable is there and says nothing.
pub(crate) fn is_empty(name: &OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.as_encoded_bytes().trim_ascii().is_empty())
}

/// The members of a variable that is a list: what stands between its commas.
///
/// # Errors
/// There is none: a sentence that names the variable.
pub(crate) fn members<'a>(
    name: &str,
    values: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<String>, String> {
    let members = values.into_iter().flat_map(|value| value.split(',')).map(str::trim);
    let members: Vec<_> = members.filter(|member| !member.is_empty()).map(str::to_owned).collect();
    if members.is_empty() {
        Err(format!("{name} has nothing between its commas"))
    } else {
        Ok(members)
    }
}
