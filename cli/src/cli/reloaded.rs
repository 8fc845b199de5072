//! Which options of a running server can change, and what becomes of the others.

use super::Serve;

impl Serve {
    /// Whether a server that runs can have another value of this option, by its name in clap.
    pub(crate) fn is_reloaded(id: &str) -> bool {
        RELOADED.iter().any(|(reloaded, _)| *reloaded == id)
    }

    /// Takes from `before` what cannot change while the server runs.
    pub(crate) fn keep_fixed(&mut self, before: &Serve) {
        let mut kept = before.clone();
        // A new option stays as it was unless it is in the list.
        for (_, take) in RELOADED {
            take(&mut kept, self);
        }
        // These have no name in clap.
        kept.is_allowed_origin_said = self.is_allowed_origin_said;
        kept.routes.clone_from(&self.routes);
        kept.sources = self.sources.clone();
        kept.sources.keep(&before.sources, |id| !Serve::is_reloaded(id));
        *self = kept;
    }
}

/// The name of an option in clap, and how the first takes it from the second.
type Reloaded = (&'static str, fn(&mut Serve, &Serve));

/// An option by its field, and by the field that it is in, if there is one. clap has it by the name of its own.
macro_rules! option {
    ($field:ident) => {
        (stringify!($field), |kept, new| kept.$field.clone_from(&new.$field))
    };
    ($group:ident.$field:ident) => {
        (stringify!($field), |kept, new| kept.$group.$field.clone_from(&new.$group.$field))
    };
}

/// The options that can change.
const RELOADED: [Reloaded; 35] = [
    option!(subprotocol),
    option!(allowed_origin),
    option!(own_host),
    option!(health_path),
    option!(log),
    option!(tls.tls_cert),
    option!(tls.tls_key),
    option!(tls.tls_client_ca),
    option!(tls.hsts),
    option!(times.handshake_timeout),
    option!(times.close_timeout),
    option!(times.message_idle_timeout),
    option!(times.message_timeout),
    option!(times.keepalive_interval),
    option!(times.keepalive_timeout),
    option!(compression.deflate),
    option!(compression.deflate_level),
    option!(compression.deflate_window_bits),
    option!(compression.deflate_client_window_bits),
    option!(compression.deflate_min_size),
    option!(bounds.max_message_size),
    option!(bounds.max_frame_size),
    option!(bounds.max_fragments),
    option!(bounds.max_pings_per_second),
    option!(bounds.max_messages_per_second),
    option!(bounds.when_too_fast),
    option!(bounds.max_head_size),
    option!(bounds.max_header_fields),
    option!(bounds.max_connections),
    option!(bounds.max_connections_per_address),
    option!(bounds.max_handshakes),
    option!(bounds.max_handshakes_per_address),
    option!(bounds.max_queued),
    option!(bounds.min_drain_rate),
    option!(bounds.when_full),
];

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{Action, parse, serve_command};
    use super::*;

    fn options(line: &str) -> Serve {
        match parse(line.split(' ').map(OsString::from)).unwrap() {
            Action::Serve(serve) => *serve,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_name_is_an_option_and_takes_its_own_value() {
        let command = serve_command();
        for (id, _) in RELOADED {
            assert!(command.get_arguments().any(|arg| arg.get_id() == id), "{id}");
        }
        let before = options("stickler serve --max-queued 1KiB --max-memory 1MiB --hsts 1");
        let mut new = options("stickler serve --max-queued 2KiB --max-memory 2MiB --hsts 2");
        new.keep_fixed(&before);
        assert_eq!((new.bounds.max_queued.0, new.tls.hsts), (2048, Some(2)));
        assert_eq!(new.bounds.max_memory.map(|size| size.0), Some(1 << 20));
    }
}
