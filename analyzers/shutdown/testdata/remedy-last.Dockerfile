FROM python:3.14-slim
# want "put exec before its last command"
CMD cd /app && python -m app
