# What is removed again is not there: by name, by variable, by virtual package,
# with dependencies, by directory; in the same RUN or in a later one. What lies
# on a cache mount never was.
FROM debian:12-slim
ARG BUILD="gcc g++"
RUN apt-get update && apt-get install -y $BUILD && apt-get purge -y --auto-remove $BUILD
RUN buildDeps='clang make' && apt-get install -y $buildDeps && apt-get purge -y --auto-remove ${buildDeps}
RUN apk add --no-cache --virtual=.build gcc musl-dev && apk del .build
RUN apt-get install -y build-essential
RUN apt-get purge -y build-essential && apt-get autoremove -y
RUN curl -sSf https://sh.rustup.rs | sh -s -- -y && cargo build && rm -rf /root/.cargo /root/.rustup
RUN dnf install -y gcc && dnf remove -y gcc
RUN --mount=type=cache,target=/root/.cargo --mount=type=cache,target=/root/.rustup \
    curl -sSf https://sh.rustup.rs | sh -s -- -y
