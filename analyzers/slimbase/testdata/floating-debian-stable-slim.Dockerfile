# want "slimbase-floating"
FROM debian:stable-slim
