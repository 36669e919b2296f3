# What each manager leaves, and what takes care of it.
FROM python:3.14-slim AS build
RUN apt-get update && apt-get install -y gcc
RUN pip install a==1

FROM python:3.14-slim
# want "^warning: leaves apt's lists in the image: rm -rf /var/lib/apt/lists"
RUN apt-get update && apt-get install -y libpq5
# want "leaves apt's lists and pip's cache in the image"
RUN apt update && pip install -r requirements.txt
# want "leaves pip's cache in the image: pip install --no-cache-dir"
RUN python -m pip install flask==3.1.2
# want "leaves npm's cache"
RUN npm ci
# want "leaves uv's cache"
RUN UV_LINK_MODE=copy uv pip install --system flask==3.1.2
RUN apt-get update && apt-get install -y libpq5 && rm -rf /var/lib/apt/lists/*
RUN apt-get update && apt-get install -y libpq5 && find /var/lib/apt/lists -delete
RUN --mount=type=cache,target=/var/lib/apt/lists apt-get update
RUN --mount=type=cache,target=/root/.cache pip install flask==3.1.2
RUN pip install --no-cache-dir flask==3.1.2 && pip install --no-cache flask==3.1.2
RUN pip install flask==3.1.2 && pip cache purge
RUN pip install flask==3.1.2 && rm -rf ~/.cache
RUN pip install --no-index --find-links=/wheels flask
RUN pip install ./wheels/flask-3.1.2-py3-none-any.whl
RUN uv pip install --system flask==3.1.2
RUN npm ci && npm cache clean --force
ENV PIP_NO_CACHE_DIR=1
RUN pip install flask==3.1.2
