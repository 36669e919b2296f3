# Silent: a shell whose exec fails ends; what follows || is for that.
FROM python:3.14-slim
CMD cd /srv && exec python -m app || exit 1
