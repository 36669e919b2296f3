# Copies by name and by number, of packages, of a base, of rustup and Go; what
# brings none is silent.
FROM python:3.14 AS full
FROM debian:12-slim AS tools
RUN apt-get update && apt-get install -y gcc
RUN curl https://sh.rustup.rs | sh -s -- -y
RUN curl -L https://go.dev/dl/go1.24.0.linux-amd64.tar.gz | tar -C /usr/local -xz
FROM debian:12-slim AS clean
RUN apt-get update && apt-get install -y libpq5
# want "note: stage 3 is not built"
FROM debian:12-slim
RUN true
FROM debian:12-slim
# want "COPY --from=full / brings the compilers of \"python:3.14\""
COPY --from=full / /full
COPY --from=full /usr/local /usr/local
# want "COPY --from=1 /usr/bin brings \"gcc\""
COPY --from=1 /usr/bin /usr/bin
# want "COPY --from=tools /root/.cargo brings rustup"
COPY --from=tools /root/.cargo /root/.cargo
# want "COPY --from=tools /usr/local brings go"
COPY --from=tools /usr/local /usr/local
COPY --from=tools /srv/app /srv/app
COPY --from=clean / /
