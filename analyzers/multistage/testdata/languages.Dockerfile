# Toolchains that official images keep outside of /usr/bin.
FROM golang:1.22-bookworm AS go
FROM rust:1.80 AS rust
FROM python:3.14-slim
# want "COPY --from=go /usr/local/go brings the compilers of"
COPY --from=go /usr/local/go /usr/local/go
# want "COPY --from=rust /usr/local/cargo brings the compilers of"
COPY --from=rust /usr/local/cargo /usr/local/cargo
COPY --from=go /go/bin/tool /usr/local/bin/
