# The build needs a C compiler for SQLite, libgit2 and the grammars; the result needs git only for workflows that call it.
FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ libc6-dev cmake pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates git openssh-client bash \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/syndarix --create-home syndarix
COPY --from=build /src/target/release/syndarix /usr/local/bin/syndarix
USER syndarix
WORKDIR /var/lib/syndarix
# Inside a container the ports must be reachable from outside it; the Host check still wants to know the public names:
# set SYNDARIX__HTTP__PUBLIC_URL or SYNDARIX__HTTP__ALLOWED_HOSTS for any but localhost.
ENV SYNDARIX__HTTP__LISTEN=0.0.0.0:9000 SYNDARIX__STORAGE__DATA=/var/lib/syndarix/data
VOLUME /var/lib/syndarix/data
EXPOSE 9000-9007
ENTRYPOINT ["syndarix"]
