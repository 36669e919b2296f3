FROM python:3.14-slim
# want "put exec before \"python\""
CMD python -m app > /log 2>&1
