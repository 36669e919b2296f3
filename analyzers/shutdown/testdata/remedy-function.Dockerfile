FROM python:3.14-slim
# want "let its function end with exec and the application"
CMD start() { gunicorn app:app; }; start
