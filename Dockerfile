# hekad in an image of its own: the static binary, the certificates of the authorities, a configuration, and nothing else.
#
#   docker build -t hekad .
#   docker run -p 8125:8125/udp -p 127.0.0.1:4352:4352 -v hekad:/var/cache/hekad hekad
#
# Another configuration: -v ./hekad.toml:/etc/hekad.toml:ro. It runs as well with --read-only --cap-drop ALL.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
WORKDIR /heka
# .cargo has the flags of the static link. Tests and papers are left out, so that a change of them builds nothing.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
COPY config config
COPY src src
RUN cargo build --release --locked --bin hekad && \
    install -D -m 755 "target/$(rustc --print host-tuple)/release/hekad" /image/usr/bin/hekad && \
    install -D -m 644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt && \
    install -d -m 700 -o 65532 -g 65532 /image/var/cache/hekad

FROM scratch
COPY --from=build /image/etc /etc
COPY --from=build /image/usr /usr
# On its own, since the root of the image does not keep the owner of what is copied in one piece.
COPY --from=build --chown=65532:65532 /image/var/cache/hekad /var/cache/hekad
COPY packaging/docker/hekad.toml /etc/hekad.toml
# A number: there is no /etc/passwd, and Kubernetes sees from it that this is not root.
USER 65532:65532
ENV HEKA_BASE_DIR=/var/cache/hekad
VOLUME /var/cache/hekad
EXPOSE 8125/udp 8125/tcp 4352/tcp
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=5s CMD ["/usr/bin/hekad", "health"]
ENTRYPOINT ["/usr/bin/hekad"]
