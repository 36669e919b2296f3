FROM python:3.14-slim
# want "no part of a pipeline can be process 1"
CMD python -m app | tee /log
