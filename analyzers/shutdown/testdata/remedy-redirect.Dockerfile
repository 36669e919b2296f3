FROM python:3.14-slim
# want "put exec before it \\["
CMD python -m app > /log 2>&1
