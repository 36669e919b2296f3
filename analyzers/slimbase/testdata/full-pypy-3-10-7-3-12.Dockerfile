# want "use \"pypy:3.10-7.3.12-slim\"" "slimbase-undigested"
FROM pypy:3.10-7.3.12
