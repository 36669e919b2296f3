FROM python:3.14-slim
# want "put exec before \"python\""
CMD DEBUG=1 python -m app
