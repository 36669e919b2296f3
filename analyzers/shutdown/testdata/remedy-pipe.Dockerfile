FROM python:3.14-slim
# want "no part of a pipeline can be process 1"
CMD cd /app && python -m app | tee /log
