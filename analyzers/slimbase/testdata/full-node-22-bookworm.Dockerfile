# want "use \"node:22-bookworm-slim\""
FROM node:22-bookworm
