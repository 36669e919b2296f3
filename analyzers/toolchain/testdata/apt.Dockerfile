# The judged chain alone counts; one finding for each RUN, on the line of the
# command.
FROM debian:12-slim AS build
RUN apt-get update && apt-get install -y gcc

FROM debian:12-slim AS base
# want+1 "apt installs \"g\\+\\+-12\" and \"gcc\" in the stage that ships"
RUN apt-get update && \
    apt-get install -y --no-install-recommends \
        gcc=4:12.2.0-3 g++-12:amd64 libpq5 \
    && rm -rf /var/lib/apt/lists/*

FROM base
# want "dnf installs \"gcc-c\\+\\+\""
RUN microdnf -y --setopt=install_weak_deps=0 install gcc-c++ make
# want "apk installs \"build-base\""
RUN apk add --no-cache build-base
# want "rustup installs \"rustup\""
RUN curl -sSf https://sh.rustup.rs | sh -s -- -y
# want "micromamba installs \"gxx_linux-64\""
RUN micromamba install -y -n base -c conda-forge gxx_linux-64
COPY --from=build /app /app
