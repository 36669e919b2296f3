# Dead branches, constraints that cannot be read, wheels of a directory.
FROM python:3.14-slim
ARG MODE=prod
RUN if [ "$MODE" = dev ]; then pip install pytest; fi
RUN pip install -c https://example.com/constraints.txt apache-airflow
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
RUN pip install flask
RUN uv --quiet tool run ruff==0.6.0
