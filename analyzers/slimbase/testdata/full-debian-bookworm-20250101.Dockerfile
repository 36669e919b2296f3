# want "use \"debian:bookworm-20250101-slim\""
FROM debian:bookworm-20250101
