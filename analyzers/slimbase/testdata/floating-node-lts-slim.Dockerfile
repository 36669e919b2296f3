# want "slimbase-floating"
FROM node:lts-slim
