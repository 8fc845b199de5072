//! The tables `[[route]]` of a configuration file: which application answers on which path, for whom, and with
//! which limits.
//!
//! Options in a route have the names and values of the flags. What is said there holds for the connections of the
//! route; all else is as it is for the others.

use clap::{Arg, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::authentication;
use super::{Entry, Faults, Place, of_key, option, route_options};
use crate::apps::{Application, At, read_path};
use crate::auth;

/// One route.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) place: Place,
    pub(crate) at: At,
    pub(crate) application: Application,
    pub(crate) authentication: Option<auth::Settings>,
    entries: Vec<Entry>,
    /// It as it stands in the file, line by line.
    lines: Vec<String>,
}

impl Route {
    /// Whether the file says the same of this route.
    pub(crate) fn is_as(&self, other: &Route) -> bool {
        self.lines == other.lines
    }

    /// Its options as words of a command line.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().flat_map(|entry| &entry.words).map(String::as_str)
    }

    /// The options that it has, by their names in clap, and where they stand.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.entries.iter().map(|entry| (entry.id.as_str(), &entry.place))
    }

    /// The table that says the same.
    pub(crate) fn table(&self) -> String {
        format!("# {}\n[[route]]\n{}\n", self.place, self.lines.join("\n"))
    }

    /// Whether it has one of these options.
    pub(crate) fn says(&self, ids: &[&str]) -> bool {
        self.entries.iter().any(|entry| ids.contains(&entry.id.as_str()))
    }
}

/// What is read of a file, and where its lines are.
pub(super) type Places<'p> = &'p dyn Fn(usize) -> Place;

/// Reads all routes; what is wrong with one is added to the faults.
pub(super) fn read(
    key: &Spanned<impl Sized>,
    value: &Spanned<DeValue<'_>>,
    serve: &Command,
    (file, place): (&str, Places<'_>),
    faults: &mut Faults,
) -> Vec<Route> {
    let DeValue::Array(tables) = value.get_ref() else {
        faults.add(place(key.span().start), "'route': each route is a table [[route]]");
        return Vec::new();
    };
    let command = command(serve);
    let read = |table: &Spanned<DeValue<'_>>| {
        let begin = place(table.span().start);
        match table.get_ref() {
            DeValue::Table(fields) => {
                let lines = fields.iter().map(|(key, value)| line(key.get_ref(), value, file));
                let lines = lines.collect();
                let read = read_one(begin, fields, &command, place);
                read.map(|route| Route { lines, ..route })
            }
            _ => Err(vec![(begin, "'route': each route is a table [[route]]".to_owned())]),
        }
    };
    let mut routes: Vec<Route> = Vec::new();
    for table in tables {
        match read(table) {
            Ok(route) => match routes.iter().find(|other| other.at == route.at) {
                Some(other) => {
                    let sentence = format!("there is a route for this already, at {}", other.place);
                    faults.add(route.place, sentence);
                }
                None => routes.push(route),
            },
            Err(found) => {
                found.into_iter().for_each(|(place, sentence)| faults.add(place, sentence));
            }
        }
    }
    routes
}

/// What is wrong, and where.
pub(super) type Found = Vec<(Place, String)>;

fn read_one(
    begin: Place,
    fields: &DeTable<'_>,
    command: &Command,
    place: Places<'_>,
) -> Result<Route, Found> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_by_key(|(key, _)| key.span().start);
    let (mut found, mut at, mut application) = (Found::new(), Vec::new(), None);
    let (mut authentication, mut entries) = (None, Vec::new());
    for (key, value) in fields {
        let (name, here) = (key.get_ref().as_ref(), place(key.span().start));
        let read = match name {
            "path" => path(value).map(|path| at.push(At::Path(path))),
            "prefix" => prefix(value).map(|prefix| at.push(At::Prefix(prefix))),
            "application" => read_application(value).map(|it| application = Some(it)),
            "authentication" => match authentication::read(value, place) {
                Ok(settings) => {
                    authentication = Some(settings);
                    continue;
                }
                Err(inside) => {
                    found.extend(inside);
                    continue;
                }
            },
            name => {
                let read = entry(name, value, command, here.clone());
                if let Err(sentence) = read.map(|entry| entries.push(entry)) {
                    found.push((here, sentence));
                }
                continue;
            }
        };
        if let Err(sentence) = read {
            found.push((here, of_key(name)(sentence)));
        }
    }
    match (at.pop(), at.is_empty(), application) {
        (Some(at), true, Some(application)) if found.is_empty() => {
            let lines = Vec::new();
            return Ok(Route { place: begin, at, application, authentication, entries, lines });
        }
        _ if !found.is_empty() => {}
        (Some(_), true, None) => {
            found.push((begin, "a route has an 'application': echo or chat".into()));
        }
        _ => found.push((begin, "a route has either a 'path' or a 'prefix'".into())),
    }
    Err(found)
}

fn entry(
    name: &str,
    value: &Spanned<DeValue<'_>>,
    command: &Command,
    place: Place,
) -> Result<Entry, String> {
    let arg = option(name, command)?;
    if !route_options::has(arg.get_id().as_str()) {
        return Err(format!("'{name}' is for the whole server, and not for a route"));
    }
    Entry::read(name, value, command, place)
}

/// A key and its value, as they may stand in a table; tables in it become such as stand in one line.
fn line(key: &str, value: &Spanned<DeValue<'_>>, file: &str) -> String {
    let value = match value.get_ref() {
        DeValue::Table(fields) => {
            let fields = fields.iter().map(|(key, value)| line(key.get_ref(), value, file));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        _ => file.get(value.span()).unwrap_or_default().to_owned(),
    };
    format!("{key} = {value}")
}

fn path(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    read_path(text(value)?).map_err(str::to_owned)
}

fn prefix(value: &Spanned<DeValue<'_>>) -> Result<String, String> {
    let prefix = path(value)?;
    if !prefix.ends_with('/') {
        return Err("a prefix ends with a slash; it stands for the paths below it".into());
    }
    Ok(prefix)
}

fn read_application(value: &Spanned<DeValue<'_>>) -> Result<Application, String> {
    match text(value)? {
        "echo" => Ok(Application::Echo),
        "chat" => Ok(Application::Chat),
        other => Err(format!(
            "there is no application '{}'; there are echo and chat",
            other.escape_debug()
        )),
    }
}

/// The text of a value that is to be a string.
pub(super) fn text<'v>(value: &'v Spanned<DeValue<'_>>) -> Result<&'v str, String> {
    match value.get_ref() {
        DeValue::String(text) if !text.is_empty() => Ok(text),
        _ => Err("wanted: a string with something in it".into()),
    }
}

/// All options of `serve`, so that the error for one that a route cannot have says that, and the keys of a route,
/// so that they are among the names for one that was misspelt.
fn command(serve: &Command) -> Command {
    let others = ["prefix", "application", "authentication"];
    serve.clone().args(others.map(|name| Arg::new(name).long(name)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::{Arg, ArgAction, Command, value_parser};

    use super::super::ConfigFile;
    use super::*;

    fn definition() -> Command {
        let arg = |name: &'static str| Arg::new(name.replace('-', "_")).long(name);
        let number = || value_parser!(u32).range(1..);
        Command::new("serve").args([
            arg("allowed-origin").action(ArgAction::Append),
            arg("max-connections").value_parser(number()),
            arg("max-message-size").value_parser(number()),
            arg("max-queued"),
            arg("when-full").value_parser(["wait", "drop", "close"]),
            arg("workers").value_parser(number()),
        ])
    }

    fn parse(text: &str) -> Result<Vec<Route>, String> {
        let parsed = ConfigFile::parse(Path::new("a.toml"), text, &definition());
        parsed.map(|file| file.routes).map_err(|faults| faults.to_string())
    }

    #[test]
    fn a_route_has_a_path_an_application_and_options_of_its_own() {
        let routes = parse(
            "workers = 1\n[[route]]\npath = '/a'\napplication = 'echo'\nmax-queued = '1KiB'\nallowed-origin = ['null', 'any']\n\
            [[route]]\nprefix = '/b/'\napplication = 'chat'\n\
            authentication = { tokens = 't', query = true, scope = 'x y' }\n",
        )
        .unwrap();
        assert_eq!(routes.len(), 2);
        assert_eq!(
            (&routes[0].at, routes[0].application),
            (&At::Path("/a".into()), Application::Echo)
        );
        assert_eq!(
            routes[0].words().collect::<Vec<_>>().join(" "),
            "--max-queued=1KiB --allowed-origin=null --allowed-origin=any"
        );
        assert!(routes[0].says(&["max_queued"]) && !routes[0].says(&["when_full"]));
        assert_eq!(routes[0].place.to_string(), "a.toml:2");
        assert_eq!(routes[0].places().map(|(_, place)| place.line).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(
            (&routes[1].at, routes[1].application),
            (&At::Prefix("/b/".into()), Application::Chat)
        );
        let settings = routes[1].authentication.as_ref().unwrap();
        assert!(settings.query && settings.jwt.is_none() && settings.scopes.to_string() == "x y");
    }

    #[test]
    fn a_route_is_printed_as_a_table_that_says_the_same() {
        let text = "[[route]]\npath = '/a'\napplication = 'echo'\nallowed-origin = [\n 'null', # or\n 'any',\n]\n\
            [route.authentication]\ntokens = \"t\\u0041\"\n[route.authentication.jwt]\nsecret = 's'\nissuer = 'i'\n\
            audience = 'a'\nalgorithm = 'HS256'\n";
        let first = parse(text).unwrap();
        let table = first[0].table();
        assert!(table.starts_with("# a.toml:1\n[[route]]\n"), "{table}");
        let second = parse(&table).unwrap_or_else(|faults| panic!("{faults}\n{table}"));
        let shown = |route: &Route| {
            format!("{:?} {:?}", route.authentication, route.words().collect::<Vec<_>>())
        };
        assert_eq!(shown(&first[0]), shown(&second[0]), "{table}");
    }

    #[test]
    fn what_is_wrong_with_a_route_is_told_by_its_line() {
        let good = "path = '/a'\napplication = 'echo'\n";
        let key = "secret = 's', issuer = 'i', audience = 'a', algorithm = 'HS256'";
        let rows: Vec<(String, usize, &str)> = vec![
            ("path = '/a'\n".into(), 1, "has an 'application'"),
            ("application = 'echo'\n".into(), 1, "either a 'path' or a 'prefix'"),
            (format!("{good}prefix = '/b/'\n"), 1, "either a 'path' or a 'prefix'"),
            ("path = 'a'\napplication = 'echo'\n".into(), 2, "begins with a slash"),
            ("path = '/a?b'\napplication = 'echo'\n".into(), 2, "without ? and #"),
            ("prefix = '/a'\napplication = 'echo'\n".into(), 2, "ends with a slash"),
            ("path = 1\napplication = 'echo'\n".into(), 2, "wanted: a string"),
            ("path = '/a'\napplication = 'mail'\n".into(), 3, "no application 'mail'"),
            (format!("{good}aplication = 'echo'\n"), 4, "did you mean 'application'?"),
            (format!("{good}max-mesage-size = 1\n"), 4, "did you mean 'max-message-size'?"),
            (format!("{good}max-message-size = 'big'\n"), 4, "'max-message-size'"),
            (format!("{good}when-full = 'hang'\n"), 4, "wait, drop, close"),
            (format!("{good}workers = 4\n"), 4, "for the whole server"),
            (format!("{good}max-connections = 4\n"), 4, "for the whole server"),
            (format!("{good}authentication = 'all'\n"), 4, "is a table"),
            (format!("{good}authentication = {{}}\n"), 4, "'tokens' or 'jwt'"),
            (format!("{good}authentication = {{ token = 't' }}\n"), 4, "there is no key 'token'"),
            (
                format!("{good}authentication = {{ tokens = 't', query = 'on' }}\n"),
                4,
                "true or false",
            ),
            (
                format!("{good}authentication = {{ tokens = 't', scope = '\"' }}\n"),
                4,
                "is no scope",
            ),
            (format!("{good}[route.authentication]\ntokens = 't'\njwt = 1\n"), 6, "is a table"),
            (format!("{good}[route.authentication.jwt]\nissuer = 'i'\n"), 4, "'audience'"),
            (
                format!(
                    "{good}[route.authentication.jwt]\n{}\n",
                    key.replace(", ", "\n").replace("HS256", "none")
                ),
                8,
                "HS256, RS256 and ES256",
            ),
            (
                format!(
                    "{good}[route.authentication.jwt]\n{}\n",
                    key.replace(", ", "\n").replace("HS256", "RS256")
                ),
                4,
                "a 'secret' is for HS256 alone",
            ),
            (
                format!("{good}authentication.jwt = {{ {key}, jwks = 'f' }}\n"),
                4,
                "one of 'secret', 'key' and 'jwks'",
            ),
            (
                format!(
                    "{good}authentication.jwt = {{ jwks = 'f', issuer = 'i', audience = 'a', algorithm = ['HS256', 'RS256'] }}\n"
                ),
                4,
                "no symmetric",
            ),
            (
                format!(
                    "{good}authentication.jwt = {{ key = 'f', issuer = 'i', audience = 'a', algorithm = ['ES256', 'RS256'] }}\n"
                ),
                4,
                "one 'algorithm'",
            ),
            (
                format!("{good}[[route]]\npath = '/a'\napplication = 'chat'\n"),
                4,
                "already, at a.toml:1",
            ),
        ];
        for (text, line, part) in rows {
            let faults = parse(&format!("[[route]]\n{text}")).unwrap_err();
            assert!(faults.starts_with(&format!("a.toml:{line}: ")), "{text}{faults}");
            assert!(faults.contains(part) && faults.lines().count() == 1, "{text}{faults}");
        }
        assert!(parse("route = 1").unwrap_err().contains("[[route]]"));
    }
}
