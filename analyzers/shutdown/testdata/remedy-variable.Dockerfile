FROM python:3.14-slim
ENV PORT=80
# want "put exec before \"gunicorn\""
CMD gunicorn --bind :$PORT app
