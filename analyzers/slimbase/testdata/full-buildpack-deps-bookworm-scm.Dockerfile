# want "use \"debian:bookworm-slim\"" "slimbase-undigested"
FROM buildpack-deps:bookworm-scm
