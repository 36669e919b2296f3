# want "slimbase-floating"
FROM alpine
