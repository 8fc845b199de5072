//! Which options of a running server can change, and what becomes of the others.

use super::Serve;

impl Serve {
    /// Whether a server that runs can have another value of this option, by its name in clap.
    pub(crate) fn is_reloaded(id: &str) -> bool {
        RELOADED.contains(&id)
    }

    /// Takes from `before` what cannot change while the server runs.
    pub(crate) fn keep_fixed(&mut self, before: &Serve) {
        let mut kept = before.clone();
        // A new option stays as it was unless it is here, and in the list below.
        kept.subprotocol.clone_from(&self.subprotocol);
        kept.allowed_origin.clone_from(&self.allowed_origin);
        kept.is_allowed_origin_said = self.is_allowed_origin_said;
        kept.own_host.clone_from(&self.own_host);
        kept.health_path.clone_from(&self.health_path);
        kept.log.clone_from(&self.log);
        kept.routes.clone_from(&self.routes);
        kept.tls.tls_cert.clone_from(&self.tls.tls_cert);
        kept.tls.tls_key.clone_from(&self.tls.tls_key);
        kept.tls.tls_client_ca.clone_from(&self.tls.tls_client_ca);
        kept.tls.hsts = self.tls.hsts;
        kept.times = self.times.clone();
        kept.times.shutdown_timeout = before.times.shutdown_timeout;
        kept.compression = self.compression.clone();
        kept.compression.deflate_memory = before.compression.deflate_memory;
        kept.bounds = self.bounds.clone();
        kept.bounds.max_memory = before.bounds.max_memory;
        kept.bounds.send_buffer = before.bounds.send_buffer;
        kept.bounds.unsent_low_water = before.bounds.unsent_low_water;
        kept.sources = self.sources.clone();
        kept.sources.keep(&before.sources, |id| !Serve::is_reloaded(id));
        *self = kept;
    }
}

/// The options that `keep_fixed` leaves as they are, by their names in clap.
const RELOADED: [&str; 35] = [
    "subprotocol",
    "allowed_origin",
    "own_host",
    "health_path",
    "log",
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "hsts",
    "handshake_timeout",
    "close_timeout",
    "message_idle_timeout",
    "message_timeout",
    "keepalive_interval",
    "keepalive_timeout",
    "deflate",
    "deflate_level",
    "deflate_window_bits",
    "deflate_client_window_bits",
    "deflate_min_size",
    "max_message_size",
    "max_frame_size",
    "max_fragments",
    "max_pings_per_second",
    "max_messages_per_second",
    "when_too_fast",
    "max_head_size",
    "max_header_fields",
    "max_connections",
    "max_connections_per_address",
    "max_handshakes",
    "max_handshakes_per_address",
    "max_queued",
    "min_drain_rate",
    "when_full",
];
