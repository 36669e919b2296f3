# The line of the ARG is a related place.
ARG PYTHON=3.9
ARG OTHER=1
# want "Python 3.9 had its last security support.*\\(Dockerfile:2: by ARG PYTHON\\)"
# want "has no digest"
FROM python:${PYTHON}-slim
