# An image that is only copied from, and the base of a build stage, are notes.
# want "note: \"node\" has no version"
FROM node AS front
# want "slimbase-undigested"
FROM python:3.14-slim
# want "note: \"ghcr.io/astral-sh/uv:latest\" has no version"
COPY --from=ghcr.io/astral-sh/uv:latest /uv /bin/
COPY --from=front /dist /dist
