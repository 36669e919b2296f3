# A compiler that is installed is said once, by toolchain-installed on the same line.
FROM python:3.14-slim
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev && \
    rm -rf /var/lib/apt/lists/*
RUN pip install uwsgi==2.0.28
