# want "slimbase-floating"
FROM gcr.io/distroless/python3-debian12
