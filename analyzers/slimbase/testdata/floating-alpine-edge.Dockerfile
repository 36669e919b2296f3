# want "slimbase-floating"
FROM alpine:edge
