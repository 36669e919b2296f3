# want "use \"node:22-bookworm-slim\"" "slimbase-undigested"
FROM node:22-bookworm
