# Silent.
FROM python:3.14-slim
CMD migrate && exec serve
