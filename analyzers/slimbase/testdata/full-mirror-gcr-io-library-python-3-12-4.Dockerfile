# want "use \"mirror.gcr.io/library/python:3.12.4-slim\"" "slimbase-undigested"
FROM mirror.gcr.io/library/python:3.12.4
