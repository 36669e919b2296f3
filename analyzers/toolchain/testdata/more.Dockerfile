# Toolchains of other installers, and what takes them away.
FROM registry.access.redhat.com/ubi9:9.8
# want "dnf installs \"llvm-toolset\""
RUN dnf install -y llvm-toolset
# want "sdkman installs \"sdkman\""
RUN sdk install java 21
RUN dnf install -y gcc && make && dnf history -y undo last
