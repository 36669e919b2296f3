FROM python:3.14-slim
# want "put exec before \"gunicorn\""
CMD gunicorn -c conf/*.py app
