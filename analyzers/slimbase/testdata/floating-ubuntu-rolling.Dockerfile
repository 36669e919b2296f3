# want "slimbase-floating" "slimbase-undigested"
FROM ubuntu:rolling
