//! From a value of TOML to words of a command line.

use clap::{Arg, ArgAction};
use toml::de::{DeInteger, DeValue};

/// The words that say this on a command line, such as `--workers=4`.
///
/// # Errors
/// The value is of a kind that the option cannot have: what is wanted.
pub(super) fn words(arg: &Arg, value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let key = arg.get_long().unwrap_or_default();
    let bare = || vec![format!("--{key}")];
    let one = |value: &DeValue<'_>| Ok(format!("--{key}={}", text(value)?));
    match (value, is_repeatable(arg)) {
        (DeValue::Boolean(true), _) if is_switch(arg) || may_be_bare(arg) => Ok(bare()),
        (DeValue::Boolean(false), _) if is_switch(arg) || may_be_bare(arg) => Ok(Vec::new()),
        _ if is_switch(arg) => Err("wanted: true or false".into()),
        (DeValue::Array(values), true) if values.is_empty() => {
            Err("the list is empty; for the default leave the key out".into())
        }
        (DeValue::Array(values), true) => values.iter().map(|it| one(it.get_ref())).collect(),
        (DeValue::Array(_), false) => Err("wanted: one value, not a list".into()),
        // Such as `page = true`: what refuses the word names those that there are.
        (DeValue::Boolean(value), _) if !arg.get_possible_values().is_empty() => {
            Ok(vec![format!("--{key}={value}")])
        }
        (value, _) => Ok(vec![one(value)?]),
    }
}

/// Whether the flag has no value.
pub(crate) fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// Whether the flag may be given several times.
pub(crate) fn is_repeatable(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// Whether the value of the flag may be left out.
pub(super) fn may_be_bare(arg: &Arg) -> bool {
    !is_switch(arg) && arg.get_num_args().is_some_and(|range| range.min_values() == 0)
}

fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => integer(number),
        DeValue::Boolean(_) => Err("wanted: a string or a number, not a boolean".into()),
        DeValue::Float(_) => Err("wanted: a string or a whole number".into()),
        DeValue::Datetime(_) => Err("wanted: a string or a number, not a date".into()),
        DeValue::Array(_) => Err("wanted: strings or numbers in the list, not lists".into()),
        DeValue::Table(_) => Err("wanted: a value, not a table".into()),
    }
}

/// The digits as on a command line, where there are no other bases than ten.
fn integer(number: &DeInteger<'_>) -> Result<String, String> {
    if number.radix() != 10 {
        return Err("wanted: a decimal number, or a string".into());
    }
    let number: i64 = number.as_str().parse().map_err(|_| "the number is too large".to_owned())?;
    Ok(number.to_string())
}
