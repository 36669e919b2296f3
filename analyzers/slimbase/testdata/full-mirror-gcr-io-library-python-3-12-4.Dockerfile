# want "use \"mirror.gcr.io/library/python:3.12.4-slim\""
FROM mirror.gcr.io/library/python:3.12.4
