//! Topics over several machines, by NATS JetStream.
