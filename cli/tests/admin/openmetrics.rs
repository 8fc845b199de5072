//! A strict reader of OpenMetrics text (version 1.0.0): what it does not like, a scraper may not like.

use std::collections::{BTreeMap, BTreeSet};

/// One family: what the comments say, and its samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    pub(crate) kind: String,
    pub(crate) unit: String,
    pub(crate) help: String,
    pub(crate) samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

/// All families by name.
pub(crate) type Families = BTreeMap<String, Family>;

/// Reads the whole.
///
/// # Errors
///
/// A sentence about the first fault.
pub(crate) fn parse(text: &str) -> Result<Families, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("the end is not # EOF and a line end")?;
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("# EOF does not stand at the beginning of a line".into());
    }
    let mut reader = Reader::default();
    for line in body.lines() {
        reader.line(line).map_err(|why| format!("{why}: {line}"))?;
    }
    reader.end_family()?;
    Ok(reader.families)
}

#[derive(Default)]
struct Reader {
    families: Families,
    name: String,
    current: Family,
    /// Which comments the family has had, in their order.
    comments: Vec<&'static str>,
    series: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        match line.strip_prefix("# ") {
            Some(comment) => self.comment(comment),
            None if line.starts_with('#') => Err("a comment that is none".into()),
            None if line.is_empty() => Err("an empty line".into()),
            None => self.sample(line),
        }
    }

    fn comment(&mut self, comment: &str) -> Result<(), String> {
        let mut words = comment.splitn(3, ' ');
        let (keyword, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let rest = words.next().unwrap_or_default();
        let keyword = ["HELP", "TYPE", "UNIT"].into_iter().find(|known| *known == keyword);
        let keyword = keyword.ok_or("an unknown comment")?;
        if name != self.name || !self.current.samples.is_empty() {
            self.end_family()?;
            if self.families.contains_key(name) {
                return Err("the family was there before".into());
            }
            check_name(name)?;
            self.name = name.to_owned();
        }
        if self.comments.contains(&keyword) {
            return Err("the comment was there before".into());
        }
        // Here they have one order: what a family is, before its unit.
        if keyword == "UNIT" && self.comments != ["HELP", "TYPE"] {
            return Err("UNIT does not stand behind HELP and TYPE".into());
        }
        self.comments.push(keyword);
        match keyword {
            "HELP" => {
                check_escapes(rest, false)?;
                if !rest.ends_with('.') {
                    return Err("the help is no sentence".into());
                }
                self.current.help = rest.to_owned();
            }
            "TYPE" => {
                if !["counter", "gauge", "histogram", "info"].contains(&rest) {
                    return Err("an unknown type".into());
                }
                self.current.kind = rest.to_owned();
            }
            _ => {
                if rest.is_empty() || !name.ends_with(&format!("_{rest}")) {
                    return Err("the name does not end in its unit".into());
                }
                self.current.unit = rest.to_owned();
            }
        }
        Ok(())
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(end);
        check_name(name)?;
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.strip_prefix(' ').ok_or("no space before the value")?;
        if value.contains(' ') {
            return Err("a timestamp or an exemplar, which nobody wrote".into());
        }
        let value: f64 = value.parse().map_err(|_| "the value is no number")?;
        let suffix = name.strip_prefix(&self.name[..]).ok_or("the sample is of another family")?;
        let suffixes: &[&str] = match &self.current.kind[..] {
            "counter" => &["_total"],
            "gauge" => &[""],
            "info" => &["_info"],
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => return Err("no type stands before the sample".into()),
        };
        if !suffixes.contains(&suffix) {
            return Err("the name has another suffix than its type wants".into());
        }
        let is_count = matches!(self.current.kind.as_str(), "counter" | "histogram");
        if is_count && (value.is_nan() || value < 0.0) {
            return Err("a count below zero".into());
        }
        if self.current.kind == "info" && value != 1.0 {
            return Err("an info that is not 1".into());
        }
        if !self.series.insert(format!("{name}{labels:?}")) {
            return Err("the series was there before".into());
        }
        self.current.samples.push(Sample { name: name.to_owned(), labels, value });
        Ok(())
    }

    fn end_family(&mut self) -> Result<(), String> {
        let (name, family) = (std::mem::take(&mut self.name), std::mem::take(&mut self.current));
        let comments = std::mem::take(&mut self.comments);
        if name.is_empty() {
            return Ok(());
        }
        if comments[..2.min(comments.len())] != ["HELP", "TYPE"] {
            return Err(format!("{name} has not HELP and then TYPE"));
        }
        if family.samples.is_empty() {
            return Err(format!("{name} has no sample"));
        }
        if family.kind == "histogram" {
            check_histogram(&name, &family.samples)?;
        }
        for unit in ["bytes", "seconds"] {
            // A unit in the name is said to be one.
            if name.ends_with(&format!("_{unit}")) && family.unit != unit {
                return Err(format!("{name} has no UNIT"));
            }
        }
        self.families.insert(name, family);
        Ok(())
    }
}

/// What the samples of a histogram with the same labels say.
#[derive(Default)]
struct Histogram {
    /// The upper bound of each bucket, and how many are at most that.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    has_sum: bool,
}

/// Buckets go up to +Inf, do not shrink, and end in the count.
fn check_histogram(name: &str, samples: &[Sample]) -> Result<(), String> {
    let mut by_labels: BTreeMap<String, Histogram> = BTreeMap::new();
    for sample in samples {
        let mut labels = sample.labels.clone();
        let le = labels.remove("le");
        let entry = by_labels.entry(format!("{labels:?}")).or_default();
        if sample.name.ends_with("_bucket") {
            let le = le.ok_or_else(|| format!("{name} has a bucket without le"))?;
            let bound = match &le[..] {
                "+Inf" => f64::INFINITY,
                other => other.parse().map_err(|_| format!("{name}: le is no number"))?,
            };
            entry.buckets.push((bound, sample.value));
        } else if sample.name.ends_with("_count") {
            entry.count = Some(sample.value);
        } else {
            entry.has_sum = true;
        }
    }
    for Histogram { buckets, count, has_sum } in by_labels.into_values() {
        let goes_up =
            buckets.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let last = buckets.last().copied();
        let ends = last.is_some_and(|(bound, total)| bound.is_infinite() && Some(total) == count);
        if !goes_up || !ends || !has_sum {
            return Err(format!("{name} is no histogram: {buckets:?}, {count:?}"));
        }
    }
    Ok(())
}

fn parse_labels(text: &str) -> Result<(BTreeMap<String, String>, &str), String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("a label without a value")?;
        if name.contains(':') {
            return Err("a label with a colon".into());
        }
        check_name(name)?;
        let mut value = String::new();
        let mut chars = after.char_indices();
        let end = loop {
            match chars.next().ok_or("a value without an end")? {
                (at, '"') => break at,
                (_, '\\') => match chars.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, c @ ('"' | '\\'))) => value.push(c),
                    _ => return Err("an unknown escape".into()),
                },
                (_, c) => value.push(c),
            }
        };
        if labels.insert(name.to_owned(), value).is_some() {
            return Err("a label that was there before".into());
        }
        rest = &after[end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok((labels, rest.strip_prefix('}').ok_or("labels without an end")?)),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.chars().all(fits) { Ok(()) } else { Err(format!("{name:?} is no name")) }
}

fn check_escapes(text: &str, is_value: bool) -> Result<(), String> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if !matches!(chars.next(), Some('n' | '\\' | '"')) => {
                return Err("an unknown escape".into());
            }
            '"' if is_value => return Err("a quote".into()),
            _ => {}
        }
    }
    Ok(())
}

#[test]
fn what_is_right_is_read() {
    let text = "# HELP a_seconds Of \\\\ a.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds{b=\"c\\\"\\n\"} 1.5\n\
                # HELP h H.\n# TYPE h histogram\nh_sum 1\nh_count 2\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\n\
                # EOF\n";
    let families = parse(text).unwrap();
    assert_eq!(families["a_seconds"].samples[0].labels["b"], "c\"\n");
    assert_eq!(families["h"].samples.len(), 4);
    assert_eq!(parse("# EOF\n").unwrap().len(), 0);
}

#[test]
fn what_is_wrong_is_refused() {
    let head = "# HELP a A.\n# TYPE a counter\n";
    for text in [
        "".to_owned(),
        "# EOF".to_owned(),
        format!("{head}a_total 1\n"),
        format!("{head}a_total 1\n# EOF\n# EOF\n"),
        format!("{head}a 1\n# EOF\n"),
        format!("{head}a_total -1\n# EOF\n"),
        format!("{head}a_total 1\na_total 1\n# EOF\n"),
        format!("{head}a_total{{b=\"c\"}} 1\na_total{{b=\"c\"}} 2\n# EOF\n"),
        format!("{head}a_total{{b=\"c}} 1\n# EOF\n"),
        format!("{head}a_total{{b=\"c\\x\"}} 1\n# EOF\n"),
        format!("{head}a_total{{b=\"c\",b=\"d\"}} 1\n# EOF\n"),
        format!("{head}a_total 1\n\n# EOF\n"),
        format!("{head}a_total 1\n{head}a_total 1\n# EOF\n"),
        format!("{head}a_total one\n# EOF\n"),
        format!("{head}b_total 1\n# EOF\n"),
        format!("{head}# EOF\n"),
        "a_total 1\n# EOF\n".to_owned(),
        "# TYPE a counter\n# HELP a A.\na_total 1\n# EOF\n".to_owned(),
        "# HELP a_bytes A.\n# TYPE a_bytes gauge\na_bytes 1\n# EOF\n".to_owned(),
        "# HELP a A.\n# TYPE a gauge\n# UNIT a bytes\na 1\n# EOF\n".to_owned(),
        "# HELP h H.\n# TYPE h histogram\nh_sum 1\nh_count 2\nh_bucket{le=\"+Inf\"} 1\n# EOF\n"
            .to_owned(),
        "# HELP h H.\n# TYPE h histogram\nh_sum 1\nh_count 1\nh_bucket{le=\"1\"} 1\n# EOF\n"
            .to_owned(),
    ] {
        assert!(parse(&text).is_err(), "{text}");
    }
}
