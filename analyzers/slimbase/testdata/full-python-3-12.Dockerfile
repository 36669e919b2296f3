# want "use \"python:3.12-slim\"" "slimbase-undigested"
FROM python:3.12
