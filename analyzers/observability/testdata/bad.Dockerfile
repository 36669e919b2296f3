FROM python:3.14-slim AS base
ENV PYTHONUNBUFFERED=1
FROM base
# want "warning: PYTHONUNBUFFERED=0 of the image is as if it were not set: .*; write PYTHONUNBUFFERED=1, or leave it out"
ENV A=b PYTHONUNBUFFERED="0"
