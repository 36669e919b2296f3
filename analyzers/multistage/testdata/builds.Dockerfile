# The application is compiled where it ships; the image of uv is no stage.
FROM python:3.14-slim
COPY --from=ghcr.io/astral-sh/uv:0.9.26 /uv /bin/
COPY . /src
# want "\"make -C /src\" compiles"
RUN make -C /src
