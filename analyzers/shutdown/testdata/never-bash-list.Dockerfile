# The shell runs its last command in its own place.
FROM python:3.14-slim
ENTRYPOINT ["bash", "-c", "migrate && seed || true; serve"]
