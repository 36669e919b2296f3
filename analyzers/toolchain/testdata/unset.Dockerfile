# A branch that only a build argument opens is a note: a build that is given none
# does not take it.
FROM debian:trixie-slim
ARG DEV
ARG KEEP=yes
# want "^note: apt installs \"build-essential\""
RUN if [ "$DEV" = "true" ]; then apt-get install -y build-essential; fi
# want "^note: apt installs \"gcc\""
RUN if [ -n "$DEV" ]; then apt-get install -y gcc; fi
# want "^note: apt installs \"gcc-12\""
RUN [ "$DEV" = 1 ] && apt-get install -y gcc-12
# want "^note: apt installs \"gcc-13\""
RUN case "$DEV" in yes) apt-get install -y gcc-13 ;; esac
# want "^warning: apt installs \"g\\+\\+\""
RUN if [ "$KEEP" = "yes" ]; then apt-get install -y g++; fi
# want "^warning: apt installs \"clang\""
RUN if [ -z "$DEV" ]; then apt-get install -y clang; fi
# want "^warning: apt installs \"clang-16\""
RUN if [ "$DEV" = 1 ]; then :; else apt-get install -y clang-16; fi
# want "^note: apt installs \"clang-17\""
RUN if [ -z "$DEV" ]; then :; else apt-get install -y clang-17; fi
