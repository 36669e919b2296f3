FROM python:3.14-slim
# want "run one program alone, or several below an init that passes signals on to all of them \\(tini -g --\\)"
CMD gunicorn app:app & celery -A app worker & wait
