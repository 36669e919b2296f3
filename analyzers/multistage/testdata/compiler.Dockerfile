# A compiler stays behind in the only stage.
FROM python:3.14-slim
# want+1 "\"gcc\" is installed in the stage that ships.*multistage-missing"
RUN apt-get update && \
    apt-get install -y --no-install-recommends gcc libc6-dev && \
    rm -rf /var/lib/apt/lists/*
RUN pip install uwsgi==2.0.28
