FROM python:3.14-slim
# want "put exec before \"python\""
CMD cd /app && python -m app
