# A toolchain straight from an image, and a tool of one.
FROM python:3.14-slim
# want "COPY --from=golang:1.24 /usr/local/go brings the compilers of"
COPY --from=golang:1.24 /usr/local/go /usr/local/go
COPY --from=golang:1.24 /go/bin/tool /usr/local/bin/tool
COPY --from=ghcr.io/astral-sh/uv:0.9 /uv /bin/uv
