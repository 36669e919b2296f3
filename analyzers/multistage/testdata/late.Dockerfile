# pip runs in both; upgrading pip itself, wheels and mounts are nothing.
FROM python:3.14 AS build
RUN pip install -r requirements.txt
FROM python:3.14-slim
RUN pip install --upgrade pip
RUN pip install /wheels/*.whl
RUN pip install --no-index --find-links /wheels app
RUN --mount=type=bind,from=build,target=/b pip install -r /b/requirements.txt
# want "note: pip installs in the stage that ships, and in stage \"build\" too \\(line 3\\)"
RUN pip install flask==3.1.2
COPY --from=build /x /x
