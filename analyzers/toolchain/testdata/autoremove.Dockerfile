# autoremove takes dependencies, not what was asked for by name.
FROM debian:12-slim
# want "apt installs \"rustc\""
RUN apt-get install -y rustc && apt-get autoremove -y
