//! From the routes of the configuration file to those that the applications have, and what speaks against them.

use super::config::{
    read_chat_origins, read_deflate, read_health_path, read_limits, read_origins, read_paths,
    read_subprotocols, read_timeouts, taken,
};
use crate::apps::{Application, At, CHAT, Route, RoutePlan, Subprotocols};
use crate::cli::{Serve, Switch, usage_error};
use crate::config_file::{self, route_options};

/// Reads the routes. The files that they name are not opened.
///
/// # Errors
/// A value is none, or a route has a path that is of something else: a sentence that names its line.
pub(super) fn read(options: &Serve) -> Result<RoutePlan, clap::Error> {
    let routes = options.routes.iter().map(|route| read_one(options, route));
    let routes = routes.collect::<Result<_, _>>()?;
    Ok(RoutePlan {
        routes,
        echo: read_paths(options)?,
        origins: read_origins(options)?,
        chat_origins: read_chat_origins(options)?,
    })
}

fn read_one(options: &Serve, route: &config_file::Route) -> Result<Route, clap::Error> {
    check_path(options, route)?;
    let own = options.of_route(route)?;
    let origins = match (route.says(&["allowed_origin"]), route.application) {
        (false, Application::Chat) => read_chat_origins(options)?,
        _ => read_origins(&own)?,
    };
    let subprotocols = match route.says(&["subprotocol"]) {
        true => read_subprotocols(&own)?,
        false => Subprotocols::Inherited,
    };
    Ok(Route {
        at: route.at.clone(),
        application: route.application,
        origins,
        subprotocols,
        limits: route.says(&route_options::LIMITS).then(|| read_limits(&own)),
        timeouts: route.says(&route_options::TIMES).then(|| read_timeouts(&own)),
        deflate: route.says(&route_options::DEFLATE).then(|| read_deflate(&own.compression).policy),
        authentication: route.authentication.clone(),
    })
}

/// What is wrong with a route, value by value.
pub(super) fn faults(options: &Serve, route: &config_file::Route) -> Vec<clap::Error> {
    let own = match options.of_route(route) {
        Ok(own) => own,
        Err(error) => return vec![error],
    };
    let origins = read_origins(&own).map(drop);
    let values = [check_path(options, route), origins, read_subprotocols(&own).map(drop)];
    values.into_iter().filter_map(Result::err).collect()
}

/// What stands outside of routes keeps its path, and no route that asks for a token leaves a way around it: neither a
/// path below its prefix, nor the rooms of its chat.
fn check_path(options: &Serve, route: &config_file::Route) -> Result<(), clap::Error> {
    let asks = route.authentication.is_some();
    if asks && route.application == Application::Chat && options.apps.chat == Switch::On {
        let name = options.name_of("chat");
        let why = format!("{CHAT}, which is of {name}, has the same rooms and asks for no token");
        return Err(fault(route, &why));
    }
    let echo = read_paths(options)?.into_iter().map(|path| (path, "path"));
    let others = taken(options).map(|(path, flag)| (path.to_owned(), flag));
    // Before any route is looked for, the server answers health checks there.
    let health = read_health_path(options)?.map(|path| (path, "health_path"));
    for (path, flag) in echo.chain(others).chain(health) {
        let name = options.name_of(flag);
        match &route.at {
            At::Path(own) if *own == path => {
                return Err(fault(route, &format!("'{path}' is of {name}")));
            }
            At::Prefix(own) if asks && path.starts_with(&**own) => {
                let why =
                    format!("'{path}', which is of {name}, is below '{own}' and asks for no token");
                return Err(fault(route, &why));
            }
            _ => {}
        }
    }
    Ok(())
}

fn fault(route: &config_file::Route, sentence: &str) -> clap::Error {
    usage_error(format!("{}: {sentence}", route.place))
}

/// Whether Origin is judged by each application, since a route has rules of its own.
pub(super) fn judge_origins(options: &Serve) -> bool {
    options.routes.iter().any(|route| route.says(&["allowed_origin"]))
}

/// The paths of routes.
pub(super) fn paths(options: &Serve) -> impl Iterator<Item = String> {
    options.routes.iter().filter_map(|route| match &route.at {
        At::Path(path) => Some(path.clone()),
        At::Prefix(_) => None,
    })
}

/// What the paths of the other routes begin with.
pub(super) fn prefixes(options: &Serve) -> impl Iterator<Item = String> {
    options.routes.iter().filter_map(|route| match &route.at {
        At::Path(_) => None,
        At::Prefix(prefix) => Some(prefix.clone()),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use stickler_testing::folder::Folder;

    use super::*;
    use crate::cli::{read_alone, serve_command};
    use crate::config_file::ConfigFile;

    fn options_at(path: &Path) -> Serve {
        read_alone(path, ConfigFile::read(path, &serve_command()).unwrap()).unwrap()
    }

    fn routes(folder: &Folder, text: &str) -> Vec<Route> {
        let path = folder.path().join("stickler.toml");
        fs::write(&path, text).unwrap();
        read(&options_at(&path)).unwrap().routes
    }

    /// Every option of a route, and a value that is not the default.
    const VALUES: [(&str, &str); 19] = [
        ("subprotocol", "'a'"),
        ("allowed-origin", "'null'"),
        ("max-message-size", "'1KiB'"),
        ("max-frame-size", "'2KiB'"),
        ("max-fragments", "3"),
        ("max-pings-per-second", "4"),
        ("max-messages-per-second", "5"),
        ("when-too-fast", "'close'"),
        ("max-queued", "'6KiB'"),
        ("min-drain-rate", "'7KiB'"),
        ("when-full", "'drop'"),
        ("close-timeout", "'8s'"),
        ("message-idle-timeout", "'9s'"),
        ("message-timeout", "'10s'"),
        ("keepalive-interval", "'11s'"),
        ("keepalive-timeout", "'12s'"),
        ("deflate", "'off'"),
        ("deflate-window-bits", "13"),
        ("deflate-client-window-bits", "14"),
    ];

    #[test]
    fn every_option_of_a_route_changes_that_route_and_nothing_else_in_it() {
        let ids = VALUES.map(|(name, _)| name.replace('-', "_"));
        assert_eq!(ids.to_vec(), route_options::all().collect::<Vec<_>>());
        let folder = Folder::new("routes-options");
        let route = |text: &str| {
            let text = format!("[[route]]\npath = '/a'\napplication = 'echo'\n{text}\n");
            routes(&folder, &text).remove(0)
        };
        let plain = format!("{:?}", route(""));
        for (name, value) in VALUES {
            let changed = route(&format!("{name} = {value}"));
            let parts = [
                (changed.limits.is_some(), &route_options::LIMITS[..]),
                (changed.timeouts.is_some(), &route_options::TIMES),
                (changed.deflate.is_some(), &route_options::DEFLATE),
            ];
            let id = name.replace('-', "_");
            for (is_there, ids) in parts {
                assert_eq!(is_there, ids.contains(&id.as_str()), "{name}");
            }
            // What is the same for all is the same with the option set to its default.
            assert_ne!(format!("{changed:?}"), plain, "{name} has no effect");
        }
    }

    #[test]
    fn rooms_behind_a_token_are_not_open_on_the_path_of_the_chat() {
        let folder = Folder::new("routes-rooms");
        let path = folder.path().join("stickler.toml");
        let token = "authentication.tokens = 'tokens'";
        for (chat, application, more, fits) in [
            ("", "chat", token, false),
            ("chat = 'on'", "chat", token, false),
            ("chat = 'off'", "chat", token, true),
            ("", "chat", "", true),
            ("", "echo", token, true),
        ] {
            let route = format!("[[route]]\npath = '/r'\napplication = '{application}'\n{more}\n");
            fs::write(&path, format!("{chat}\n{route}")).unwrap();
            let said = read(&options_at(&path)).map_err(|error| error.to_string());
            assert_eq!(said.is_ok(), fits, "{chat} {application} {more}");
            if let Err(said) = said {
                assert!(said.contains("stickler.toml:2: /chat, which is of "), "{said}");
            }
        }
    }

    #[test]
    fn each_limit_lands_in_its_own_place() {
        let folder = Folder::new("routes-places");
        let options = VALUES.map(|(name, value)| format!("{name} = {value}\n")).concat();
        let text = format!("[[route]]\npath = '/a'\napplication = 'echo'\n{options}");
        let route = routes(&folder, &text).remove(0);
        let shown = format!("{:?}", (route.limits.unwrap(), route.timeouts.unwrap()));
        for part in [
            "1024",
            "2048",
            "max_fragments: 3",
            "max_pings_per_second: 4",
            "max_messages_per_second: Some(5)",
            "when_too_fast: Close",
            "max_queued: 6144",
            "min_drain_rate: 7168",
            "when_full: Drop",
            "close: 8s",
            "message_idle: Some(9s)",
            "message: Some(10s)",
            "keepalive_interval: Some(11s)",
            "keepalive_timeout: 12s",
        ] {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert!(matches!(&route.subprotocols, Subprotocols::These(names) if names.len() == 1));
        assert_eq!(route.deflate, Some(None));
    }

    #[test]
    fn what_a_route_does_not_say_is_as_for_all() {
        let folder = Folder::new("routes-inherit");
        let text = "max-message-size = '1KiB'\nmax-queued = '2KiB'\nallowed-origin = 'null'\n\
            [[route]]\npath = '/a'\napplication = 'echo'\nmax-queued = '3KiB'\n";
        let route = routes(&folder, text).remove(0);
        let shown = format!("{:?}", route.limits.unwrap());
        assert!(shown.contains("1024") && shown.contains("max_queued: 3072"), "{shown}");
        let origins = format!("{:?}", route.origins);
        assert!(origins.contains("null") && route.origins.len() == 1, "{origins}");
    }
}
