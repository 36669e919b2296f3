# Silent.
FROM python:3.14-slim
ENTRYPOINT ["bash", "-c", "serve"]
