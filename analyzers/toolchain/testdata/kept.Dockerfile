# A removal that does not remove says why.
FROM debian:trixie-slim
# want "installs \"build-essential\" in the stage that ships, where it stays: purge of line 4 leaves what \"build-essential\" depends on, the compiler among it: add --auto-remove"
RUN apt-get update && apt-get install -y build-essential && make && apt-get purge -y build-essential
