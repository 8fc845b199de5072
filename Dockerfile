# The server alone: one file, linked statically, run by a user without rights. There is no shell and no library.
#   docker build -t stickler . && docker run --rm --read-only -p 9001:9001 stickler
#   docker build -t stickler --build-arg FEATURES=nats .     with the features of the program that are named

FROM rust:1.95-bookworm AS builder
ARG FEATURES=""
WORKDIR /src
COPY . .
# With a target the flags are for the program alone, and not for the macros that build it.
RUN target=$(rustc -vV | sed -n 's/^host: //p') && \
    RUSTFLAGS='-C target-feature=+crt-static' CARGO_PROFILE_RELEASE_STRIP=symbols \
    cargo build --release --locked --package stickler-cli --features "$FEATURES" --bin stickler --target "$target" && \
    install -D "target/$target/release/stickler" /image/usr/local/bin/stickler && \
    install -D -m 644 packaging/nsswitch.conf /image/etc/nsswitch.conf

FROM scratch
ARG VERSION="" REVISION=""
LABEL org.opencontainers.image.title="stickler" \
    org.opencontainers.image.description="A strict and fast WebSocket server" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
COPY --from=builder /image /
USER 65532:65532
EXPOSE 9001
# Defaults, each replaced by `docker run -e`: all addresses of both families, and less time for the health
# check than it has from Docker, so that it says itself what is wrong.
ENV STICKLER_LISTEN=0.0.0.0:9001,[::]:9001 STICKLER_HEALTH_TIMEOUT=2s
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/stickler", "health"]
ENTRYPOINT ["/usr/local/bin/stickler"]
CMD ["serve"]
