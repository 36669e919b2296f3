# want "slimbase-floating" "slimbase-undigested"
FROM gcr.io/distroless/python3-debian12
