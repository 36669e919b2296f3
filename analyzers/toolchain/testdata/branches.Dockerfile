# A branch that the arguments rule out is not taken; functions and loops are
# walked; a script for another interpreter is not read.
FROM debian:12-slim
ARG DEVEL=no
RUN if [ "$DEVEL" = yes ]; then apt-get install -y build-essential; fi
RUN [ "$DEVEL" = "no" ] || apt-get install -y gcc
RUN case "$DEVEL" in yes) apt-get install -y gcc ;; *) apt-get install -y curl ;; esac
# want+1 "apt installs \"gcc\""
RUN add() { apt-get install -y "$@"; } \
 && add curl && for p in gcc make; do apt-get install -y $p; done
# want+2 "apt installs \"clang-14\""
RUN <<EOT
set -e
apt-get install -y clang-14
EOT
RUN <<EOT
#!/usr/bin/env python3
print("apt-get install -y gcc")
EOT
# want "apt installs \"tcc\""
RUN bash -c "set -e; \
    apt-get install -y tcc"
