# Silent.
FROM python:3.14-slim
ENTRYPOINT ["tini", "--"]
