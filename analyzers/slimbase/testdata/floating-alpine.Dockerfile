# want "slimbase-floating" "slimbase-undigested"
FROM alpine
