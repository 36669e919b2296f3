# want "slimbase-floating"
FROM ubuntu:rolling
