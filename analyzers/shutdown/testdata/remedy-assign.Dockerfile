FROM python:3.14-slim
# want "put exec before it \\["
CMD DEBUG=1 python -m app
