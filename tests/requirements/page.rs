//! The report as a page.

use std::{
    collections::BTreeMap,
    fmt::{self, Write},
};

use super::{
    catalogue::{APPLIES, LEVELS, Status},
    listing::{ORDER, title},
    report::{Report, Shown, Standing},
};

/// What the levels of the tests are, by binary.
pub(crate) fn level(binary: &str) -> &'static str {
    match binary {
        "tcp" | "wire" | "server" | "shutdown" | "topic" => "TCP",
        "connection" => "connection in memory",
        _ => "core in memory",
    }
}

/// The whole page, nothing but itself needed to show it.
pub(crate) fn html(report: &Report) -> Result<String, fmt::Error> {
    let mut body = String::new();
    head(&mut body, report)?;
    filters(&mut body, report)?;
    body.push_str("<main>\n");
    for rfc in ORDER {
        let rules: Vec<&Shown> =
            report.rules.iter().filter(|shown| shown.rule.rfc() == rfc).collect();
        if rules.is_empty() {
            continue;
        }
        writeln!(
            body,
            "<section data-rfc=\"{rfc}\">\n<h2>RFC {rfc} <small>{}</small></h2>",
            title(rfc)
        )?;
        for shown in rules {
            rule(&mut body, shown, report)?;
        }
        body.push_str("</section>\n");
    }
    body.push_str("<p id=\"nothing\" hidden>No rule is like that.</p>\n</main>\n");
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Stickler: conformance</title>\n<style>\n{}</style>\n<body>\n{body}\
         <script>\n{}</script>\n</body>\n</html>\n",
        include_str!("page.css"),
        include_str!("page.js"),
    ))
}

fn head(body: &mut String, report: &Report) -> fmt::Result {
    let total = report.rules.len();
    let of = |standing| report.count(|shown| shown.standing() == standing);
    let missed = report.count(Shown::is_missed_by_autobahn);
    let missed_proven =
        report.count(|shown| shown.is_missed_by_autobahn() && shown.standing() == Standing::Proven);
    let (proven, tests) = (of(Standing::Proven), report.tests());
    let musts = |shown: &Shown| shown.rule.level.starts_with("MUST");
    let bound = report.count(|shown| musts(shown) && shown.rule.is_to_be_claimed());
    let musts_proven = report.count(|shown| musts(shown) && shown.standing() == Standing::Proven);
    writeln!(
        body,
        "<header>\n<p class=\"up\"><a href=\"../index.html\">Reports</a></p>\n<h1>Stickler, rule by rule</h1>\n\
         <p class=\"lead\"><b>{total}</b> rules, <b>{proven}</b> proven by test, \
         <b>{missed_proven}</b> of them never exercised by Autobahn.</p>\n\
         <p>Every rule that RFC 6455, RFC 7692 and what they lean on have for a WebSocket server is here: what \
         brings it about, what this server does, and the tests that turn red if it did not. {tests} tests \
         claim them. Of the MUST and MUST NOT rows that bind what is built, {musts_proven} of {bound} are \
         proven.</p>"
    )?;
    let broken = report.count(|shown| !shown.mutations.is_empty());
    if broken > 0 {
        let is_noticed = |shown: &Shown| {
            !shown.mutations.is_empty() && shown.mutations.iter().all(|one| one.noticed.is_some())
        };
        writeln!(
            body,
            "<p>{broken} rules were broken in the server on purpose, each by a change of its own: for {} of them \
             a test that claims the rule noticed.</p>",
            report.count(is_noticed)
        )?;
    }
    if !report.is_recorded {
        body.push_str("<p class=\"bad\">The tests were not run for this page.</p>\n");
    }
    for fault in &report.faults {
        writeln!(body, "<p class=\"bad\">{}</p>", escape(fault))?;
    }
    body.push_str("<dl class=\"totals\">\n");
    for standing in Standing::ALL {
        let count = of(standing);
        if count > 0 || standing == Standing::Failed {
            writeln!(
                body,
                "<div class=\"{}\"><dt>{}</dt><dd>{count}</dd></div>",
                class(standing),
                standing.name()
            )?;
        }
    }
    writeln!(
        body,
        "<div class=\"missed\"><dt>never exercised by Autobahn</dt><dd>{missed}</dd></div>\n</dl>"
    )?;
    let cases = report.autobahn.len();
    let ran = report.autobahn.values().flatten().count();
    if ran == 0 {
        writeln!(
            body,
            "<p>Of the Autobahn suite no run was found; <code>autobahn/run.sh</code> makes one, and then its \
             results stand beside the rules.</p>"
        )?;
    } else {
        let mut results: BTreeMap<&str, usize> = BTreeMap::new();
        for case in report.autobahn.values().flatten() {
            *results.entry(&case.behavior).or_default() += 1;
        }
        let results: Vec<_> =
            results.iter().rev().map(|(name, count)| format!("{count} {name}")).collect();
        let when = report.autobahn_began.as_deref().unwrap_or("at an unknown time");
        writeln!(
            body,
            "<p><a href=\"../autobahn/index.html\">Autobahn</a>, {when}: {ran} of {cases} cases, {}. The \
             {missed} rules that none of them touches are marked.</p>",
            escape(&results.join(", "))
        )?;
    }
    body.push_str(
        "<p class=\"legend\"><b>FAIL(1002)</b>: a Close frame with this code and the clause in its reason, then \
         FIN; nothing that follows is read as protocol. <b>HTTP(400)</b>: this status, and the connection \
         ends.</p>\n</header>\n",
    );
    Ok(())
}

fn filters(body: &mut String, report: &Report) -> fmt::Result {
    body.push_str("<form id=\"filters\">\n");
    body.push_str(
        "<input type=\"search\" name=\"text\" placeholder=\"Search rules, ids, tests\" aria-label=\"Search\">\n",
    );
    let rfcs = ORDER.iter().map(|rfc| (rfc.to_string(), format!("RFC {rfc}")));
    select(body, "rfc", "every RFC", rfcs)?;
    let mut sections: Vec<(String, String)> = Vec::new();
    for rfc in ORDER {
        for shown in report.rules.iter().filter(|shown| shown.rule.rfc() == rfc) {
            let section = shown.rule.section();
            let value = format!("{rfc} {section}");
            if sections.last().is_none_or(|(last, _)| *last != value)
                && !sections.iter().any(|(other, _)| *other == value)
            {
                sections.push((value, format!("{rfc} §{section}")));
            }
        }
    }
    select(body, "section", "every section", sections.into_iter())?;
    select(body, "level", "every level", LEVELS.iter().map(|level| pair(level)))?;
    select(body, "applies", "binds anyone", APPLIES.iter().map(|applies| pair(applies)))?;
    let standings = Standing::ALL
        .iter()
        .filter(|standing| report.rules.iter().any(|shown| shown.standing() == **standing));
    let standings =
        standings.map(|standing| (class(*standing).to_owned(), standing.name().to_owned()));
    select(body, "standing", "every status", standings)?;
    let autobahn = [("missed", "not in Autobahn"), ("touched", "in Autobahn")];
    let autobahn = autobahn.iter().map(|(value, name)| ((*value).to_owned(), (*name).to_owned()));
    select(body, "autobahn", "Autobahn or not", autobahn)?;
    body.push_str("<button type=\"reset\">Clear</button>\n<output></output>\n</form>\n");
    Ok(())
}

fn pair(name: &str) -> (String, String) {
    (name.to_owned(), name.to_owned())
}

fn select(
    body: &mut String,
    name: &str,
    all: &str,
    options: impl Iterator<Item = (String, String)>,
) -> fmt::Result {
    writeln!(
        body,
        "<select name=\"{name}\" aria-label=\"{name}\"><option value=\"\">{all}</option>"
    )?;
    for (value, shown) in options {
        writeln!(body, "<option value=\"{value}\">{shown}</option>")?;
    }
    body.push_str("</select>\n");
    Ok(())
}

fn rule(body: &mut String, shown: &Shown, report: &Report) -> fmt::Result {
    let rule = &shown.rule;
    let standing = shown.standing();
    let autobahn = if shown.is_missed_by_autobahn() { "missed" } else { "touched" };
    writeln!(
        body,
        "<details id=\"{id}\" class=\"{class}\" data-section=\"{rfc} {section}\" data-level=\"{level}\" \
         data-applies=\"{applies}\" data-standing=\"{class}\" data-autobahn=\"{autobahn}\">\n\
         <summary><span class=\"id\">{id}</span> <span class=\"level\">{level}</span>\
         <span class=\"mark\">{mark}</span>{missed}<span class=\"rule\">{text}</span></summary>",
        id = rule.id,
        class = class(standing),
        rfc = rule.rfc(),
        section = rule.section(),
        level = rule.level,
        applies = rule.applies,
        mark = mark(shown),
        missed = if shown.is_missed_by_autobahn() {
            "<span class=\"mark missed\">not in Autobahn</span>"
        } else {
            ""
        },
        text = escape(&rule.rule),
    )?;
    body.push_str("<dl>\n");
    let binds = match rule.applies.as_str() {
        "both" => "both endpoints",
        "policy" => "nobody: the RFC leaves it to us",
        other => other,
    };
    entry(
        body,
        "Section",
        &format!(
            "<a href=\"{}\">RFC {} §{}</a>, binds {binds}",
            link(shown),
            rule.rfc(),
            rule.section()
        ),
    )?;
    entry(body, "When", &escape(&rule.when))?;
    entry(body, "This server", &escape(&rule.then))?;
    match &rule.status {
        Status::Tested => {}
        Status::Policy(why) => entry(body, "Our decision", &escape(why))?,
        Status::NotApplicable(why) => entry(body, "Not applicable", &escape(why))?,
        Status::NotYet(why) => entry(body, "Not yet", &escape(why))?,
    }
    if !rule.note.is_empty() {
        entry(body, "Note", &escape(&rule.note))?;
    }
    if !shown.tests.is_empty() {
        entry(body, "Tests", &tests(shown)?)?;
    }
    if !shown.mutations.is_empty() {
        entry(body, "Broken on purpose", &mutations(shown)?)?;
    }
    entry(body, "Autobahn", &cases(shown, report)?)?;
    body.push_str("</dl>\n</details>\n");
    Ok(())
}

fn entry(body: &mut String, name: &str, value: &str) -> fmt::Result {
    writeln!(body, "<dt>{name}</dt><dd>{value}</dd>")
}

fn tests(shown: &Shown) -> Result<String, fmt::Error> {
    let mut list = String::from("<ul>");
    for test in &shown.tests {
        let (class, result) = if test.held { ("good", "passed") } else { ("bad", "FAILED") };
        let name = format!("{} {}", test.binary, breakable(&test.name));
        write!(list, "<li><b class=\"{class}\">{result}</b> ")?;
        match &test.place {
            Some((file, line)) => {
                write!(list, "<a href=\"../../{file}\">{name}</a> <small>line {line}, ")?;
            }
            None => write!(list, "{name} <small>")?,
        }
        write!(list, "{}</small></li>", level(&test.binary))?;
    }
    list.push_str("</ul>");
    Ok(list)
}

/// What was done to the server to break the rule, and the test that turned red.
fn mutations(shown: &Shown) -> Result<String, fmt::Error> {
    let mut list = String::from("<ul>");
    for mutation in &shown.mutations {
        let (class, noticed) = match &mutation.noticed {
            Some(test) => ("good", format!("noticed by {}", breakable(test))),
            None => ("bad", "noticed by nobody".to_owned()),
        };
        write!(
            list,
            "<li>{} <span class=\"{class}\">{noticed}</span></li>",
            escape(&mutation.breaks)
        )?;
    }
    list.push_str("</ul>");
    Ok(list)
}

/// The name of a test, which may go on in the next line.
fn breakable(name: &str) -> String {
    escape(name).replace("::", "::<wbr>").replace('_', "_<wbr>")
}

/// All cases, or their families if there are many.
fn cases(shown: &Shown, report: &Report) -> Result<String, fmt::Error> {
    let rule = &shown.rule;
    let mut text = String::new();
    if rule.autobahn.patterns.is_empty() {
        return Ok("no case exercises this".to_owned());
    }
    let ran: Vec<_> =
        shown.cases.iter().filter_map(|case| report.autobahn[case].as_ref()).collect();
    if rule.autobahn.patterns == ["*"] {
        text.push_str("every case");
    } else if shown.cases.len() > 24 || ran.is_empty() {
        text.push_str(&rule.autobahn.patterns.join(", "));
    } else {
        for (at, case) in shown.cases.iter().enumerate() {
            text.push_str(if at > 0 { ", " } else { "" });
            match &report.autobahn[case] {
                Some(run) => write!(
                    text,
                    "<a href=\"../autobahn/{}\">{case}</a> {}",
                    run.page,
                    escape(&run.behavior)
                )?,
                None => text.push_str(case),
            }
        }
    }
    if !rule.autobahn.remark.is_empty() {
        write!(text, " ({})", escape(&rule.autobahn.remark))?;
    }
    if !ran.is_empty() {
        let ok = ran.iter().filter(|case| case.behavior == "OK").count();
        write!(text, "; {ok} of {} OK", ran.len())?;
    }
    Ok(text)
}

pub(crate) fn link(shown: &Shown) -> String {
    let (rfc, section) = (shown.rule.rfc(), shown.rule.section());
    format!("https://www.rfc-editor.org/rfc/rfc{rfc}.html#section-{section}")
}

fn mark(shown: &Shown) -> String {
    match shown.standing() {
        Standing::Proven if shown.tests.len() == 1 => "1 test".to_owned(),
        Standing::Proven => format!("{} tests", shown.tests.len()),
        standing => standing.name().to_owned(),
    }
}

fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::Proven => "proven",
        Standing::Failed => "failed",
        Standing::NotRun => "idle",
        Standing::NotApplicable => "other",
        Standing::NotYet => "later",
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
