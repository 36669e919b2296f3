# want "use \"debian:bookworm-slim\""
FROM buildpack-deps:bookworm-scm
