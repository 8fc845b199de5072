//! The catalogue: one file per RFC, one block per rule, read strictly. `README.md` describes the form.

use std::{collections::BTreeMap, fs, path::Path};

/// One rule, and where we stand with it.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// `6455-5.1-01`: the RFC, its section, a number.
    pub(crate) id: String,
    /// `MUST`, or `implied` where the rule follows from a definition or a grammar.
    pub(crate) level: String,
    /// `server`, `client`, `both` endpoints, or `policy`: ours to decide within what the RFC allows.
    pub(crate) applies: String,
    pub(crate) rule: String,
    /// What a peer does to bring it about.
    pub(crate) when: String,
    /// What this server does.
    pub(crate) then: String,
    pub(crate) autobahn: Autobahn,
    pub(crate) note: String,
    pub(crate) status: Status,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Claimed by tests.
    Tested,
    /// Claimed by tests, and what they hold the server to is our decision.
    Policy(String),
    /// It cannot arise here, for this reason.
    NotApplicable(String),
    /// What it is about is not built yet.
    NotYet(String),
}

/// The Autobahn cases that touch a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Autobahn {
    /// `5.1.2`, `5.1.*`, `*`.
    pub(crate) patterns: Vec<String>,
    pub(crate) remark: String,
}

pub(crate) const LEVELS: [&str; 6] = ["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "implied"];
pub(crate) const APPLIES: [&str; 4] = ["server", "client", "both", "policy"];

/// All files of the folder, by RFC, each in its own order.
pub(crate) fn read(folder: &Path) -> Result<Vec<Rule>, String> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(rfc) = name.strip_prefix("rfc").and_then(|name| name.strip_suffix(".txt")) else {
            continue;
        };
        let number: u32 = rfc.parse().map_err(|_| format!("{name}: no number"))?;
        files.insert(number, path.clone());
    }
    let mut rules = Vec::new();
    for (rfc, path) in files {
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        rules.extend(parse(rfc, &text).map_err(|why| format!("{}: {why}", path.display()))?);
    }
    Ok(rules)
}

/// The rules of one file.
pub(crate) fn parse(rfc: u32, text: &str) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for (at, block) in blocks(text) {
        let rule = rule(rfc, &block).map_err(|why| format!("line {at}: {why}"))?;
        if rules.iter().any(|other| other.id == rule.id) {
            return Err(format!("line {at}: {} is there twice", rule.id));
        }
        rules.push(rule);
    }
    if rules.is_empty() { Err("no rules".to_owned()) } else { Ok(rules) }
}

impl Rule {
    pub(crate) fn rfc(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    pub(crate) fn section(&self) -> &str {
        self.id.split('-').nth(1).unwrap_or_default()
    }

    /// Whether tests have to claim it; if not, none may.
    pub(crate) fn is_to_be_claimed(&self) -> bool {
        matches!(self.status, Status::Tested | Status::Policy(_))
    }
}

impl Status {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Status::Tested => "tested",
            Status::Policy(_) => "policy",
            Status::NotApplicable(_) => "not applicable",
            Status::NotYet(_) => "not yet",
        }
    }
}

impl Autobahn {
    pub(crate) fn touches(&self, case: &str) -> bool {
        self.patterns.iter().any(|pattern| matches(pattern, case))
    }
}

/// Whether a case has this number, or is in this family.
pub(crate) fn matches(pattern: &str, case: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => case.starts_with(family),
        None => pattern == case,
    }
}

/// `1234-5.6-07`, also where it stands in other text. A date of a year near ours is none: no rule is of such an RFC.
pub(crate) fn is_id(text: &str) -> bool {
    let mut parts = text.split('-');
    let (rfc, section, number) = (parts.next(), parts.next(), parts.next());
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_section = |text: &str| text.split('.').all(digits);
    let is_year = |text: &str| ["19", "20", "21"].iter().any(|century| text.starts_with(century));
    parts.next().is_none()
        && rfc.is_some_and(|rfc| rfc.len() == 4 && digits(rfc) && !is_year(rfc))
        && section.is_some_and(is_section)
        && number.is_some_and(|number| matches!(number.len(), 2 | 4) && digits(number))
}

/// Blocks are parted by empty lines; the number is of the first line, from 1.
fn blocks(text: &str) -> Vec<(usize, Vec<&str>)> {
    let mut blocks: Vec<(usize, Vec<&str>)> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.is_empty() {
            inside = false;
        } else if line.starts_with('#') {
            // A comment stands alone.
        } else if inside {
            blocks.last_mut().expect("a block is open").1.push(line);
        } else {
            blocks.push((index + 1, vec![line]));
            inside = true;
        }
    }
    blocks
}

fn rule(rfc: u32, block: &[&str]) -> Result<Rule, String> {
    let (id, rest) = block[0].split_once(' ').ok_or("a block begins with id, level and applies")?;
    if !is_id(id) || !id.starts_with(&format!("{rfc}-")) {
        return Err(format!("{id:?} is no id of RFC {rfc}"));
    }
    let (level, applies) = rest.rsplit_once(' ').ok_or("no level and applies")?;
    if !LEVELS.contains(&level) || !APPLIES.contains(&applies) {
        return Err(format!("{rest:?} is no level and applies"));
    }
    let mut fields = fields(&block[1..])?.into_iter().peekable();
    let mut take = |name: &str| fields.next_if(|field| field.0 == name).map(|field| field.1);
    let mut need = |name: &str| take(name).ok_or(format!("{name} is missing or out of order"));
    let (rule, when, then) = (need("rule")?, need("when")?, need("then")?);
    let cases = autobahn(&need("autobahn")?)?;
    let note = take("note").unwrap_or_default();
    let status = status(&take("status").ok_or("status is missing or out of order")?, applies)?;
    if let Some((name, _)) = fields.next() {
        return Err(format!("{name} does not belong there"));
    }
    let (id, level, applies) = (id.to_owned(), level.to_owned(), applies.to_owned());
    Ok(Rule { id, level, applies, rule, when, then, autobahn: cases, note, status })
}

/// Lines `  name: text`, and what continues them, further in.
fn fields(lines: &[&str]) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        let indent = line.len() - line.trim_start().len();
        let text = line.trim();
        if line.ends_with(' ') || line.contains('\t') {
            return Err(format!("{line:?} has a tab, or a space at its end"));
        }
        match (indent, text.split_once(": ")) {
            (2, Some((name, value))) => fields.push((name.to_owned(), value.to_owned())),
            (4, _) => {
                let (_, value) = fields.last_mut().ok_or("a line that continues nothing")?;
                value.push(' ');
                value.push_str(text);
            }
            _ => return Err(format!("{line:?} is neither a field nor the rest of one")),
        }
    }
    Ok(fields)
}

/// `none`, or patterns with commas between, and a remark in parentheses behind them.
fn autobahn(text: &str) -> Result<Autobahn, String> {
    if text == "none" {
        return Ok(Autobahn::default());
    }
    let (list, remark) = match text.split_once(" (") {
        Some((list, rest)) => (list, rest.strip_suffix(')').ok_or("a remark without an end")?),
        None => (text, ""),
    };
    let patterns: Vec<String> = list.split(", ").map(str::to_owned).collect();
    for pattern in &patterns {
        let numbers = pattern.strip_suffix(".*").unwrap_or(pattern);
        let is_number = |part: &str| part.parse::<u32>().is_ok();
        if pattern != "*" && !numbers.split('.').all(is_number) {
            return Err(format!("{pattern:?} is no pattern of Autobahn cases"));
        }
    }
    Ok(Autobahn { patterns, remark: remark.to_owned() })
}

fn status(text: &str, applies: &str) -> Result<Status, String> {
    let status = match text.split_once(": ") {
        None if text == "tested" => Status::Tested,
        Some(("policy", why)) => Status::Policy(why.to_owned()),
        Some(("not applicable", why)) => Status::NotApplicable(why.to_owned()),
        Some(("not yet", why)) => Status::NotYet(why.to_owned()),
        _ => return Err(format!("{text:?} is no status")),
    };
    match status {
        Status::Tested if applies == "policy" => Err("a policy has its decision beside it".into()),
        status => Ok(status),
    }
}

mod tests {
    use super::parse;

    #[test]
    fn a_rule_is_read_strictly() {
        let good = "1234-5.6-07 MUST NOT both\n  rule: Of more than\n    one line.\n  when: a: b\n  then: c\n  \
                    autobahn: 1.*, 2.3.4 (as far as it goes)\n  note: n\n  status: tested\n";
        let rules =
            parse(1234, &format!("# RFC 1234\n\n{good}\n{}", good.replace("-07", "-08"))).unwrap();
        assert_eq!((rules.len(), rules[0].rule.as_str()), (2, "Of more than one line."));
        assert_eq!((rules[0].section(), rules[1].id.as_str()), ("5.6", "1234-5.6-08"));
        assert!(rules[0].autobahn.touches("1.2") && !rules[0].autobahn.touches("2.3.41"));
        for (part, other) in [
            ("1234-5.6-07", "1234-5.6-7"),
            ("1234-5.6-07", "4321-5.6-07"),
            ("MUST NOT", "must not"),
            ("both", "peer"),
            ("  rule: ", "  role: "),
            ("  rule: ", " rule: "),
            ("    one line.", "   one line."),
            ("  when: a: b\n", ""),
            ("  when: a: b\n  then: c\n", "  then: c\n  when: a: b\n"),
            ("2.3.4 ", "2.3.x "),
            ("goes)", "goes"),
            ("tested", "done"),
            ("tested", "policy"),
            ("tested", "not yet"),
            ("tested\n", "tested\n  more: x\n"),
            ("tested\n", "tested \n"),
        ] {
            assert!(parse(1234, &good.replace(part, other)).is_err(), "{part} as {other}");
        }
        assert!(parse(1234, &format!("{good}\n{good}")).is_err(), "the same id twice");
        assert!(
            parse(1234, &good.replace("both", "policy")).is_err(),
            "a policy without a decision"
        );
        assert!(parse(1234, "# nothing\n").is_err());
    }
}
