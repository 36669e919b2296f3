# Removing a package that only depends on the compiler leaves it.
FROM debian:12-slim
# want "apt installs \"build-essential\""
RUN apt-get install -y build-essential && apt-get purge -y build-essential
