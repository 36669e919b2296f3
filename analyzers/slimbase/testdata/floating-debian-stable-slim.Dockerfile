# want "slimbase-floating" "slimbase-undigested"
FROM debian:stable-slim
