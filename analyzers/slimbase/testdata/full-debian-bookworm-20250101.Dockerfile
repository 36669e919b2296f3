# want "use \"debian:bookworm-20250101-slim\"" "slimbase-undigested"
FROM debian:bookworm-20250101
