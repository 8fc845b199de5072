# The server in a small image without a shell, run by a user without rights.
#   docker build -t stickler . && docker run --rm -p 9001:9001 stickler

FROM rust:1.95-bookworm AS builder
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin stickler

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /src/target/release/stickler /usr/local/bin/stickler
USER 65532:65532
EXPOSE 9001
# Defaults, each replaced by `docker run -e`: all addresses of both families, and less time for the health
# check than it has from Docker, so that it says itself what is wrong.
ENV STICKLER_LISTEN=0.0.0.0:9001,[::]:9001 STICKLER_HEALTH_TIMEOUT=2s
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/stickler", "health"]
ENTRYPOINT ["/usr/local/bin/stickler"]
CMD ["serve"]
