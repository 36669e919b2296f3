FROM python:3.14-slim
# want "in the foreground, with exec before it"
CMD python -m app & wait $! &
