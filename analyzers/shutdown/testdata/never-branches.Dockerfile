# Silent: each branch hands process 1 on.
FROM python:3.14-slim
CMD if [ "$DEBUG" ]; then exec flask run; else exec gunicorn app:app; fi
