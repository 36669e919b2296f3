# want "slimbase-floating" "slimbase-undigested"
FROM node:lts-slim
