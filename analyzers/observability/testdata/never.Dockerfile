# Silent: a later ENV counts, other texts set it, and the stage that does not ship has its own.
FROM python:3.14-slim AS build
ENV PYTHONUNBUFFERED=0
FROM python:3.14-slim
ENV PYTHONUNBUFFERED=0
ENV PYTHONUNBUFFERED=false
