# Nothing is named: paths, wheels, globs, files, variables with a value, an
# unknown word, a constraint, wheels that were chosen before, other verbs, what
# is removed, stages that nothing reaches.
FROM python:3.14-slim AS unused
RUN pip install flask
FROM python:3.14-slim
ARG FLASK=3.1.2
ARG EXTRA
ENV PKGS="a==1.0 b==2.0"
RUN pip install --no-deps . -e ./lib ./dist/x.whl /wheels/*.whl "flask==${FLASK}" $PKGS $EXTRA
RUN pip install --no-index --find-links=/wheels app
RUN pip wheel flask && pip download flask && pip uninstall -y flask && pip list
RUN pip install $(cat list.txt) "x @ https://example.com/x-1.tar.gz#sha256=0000000000000000000000000000000000000000000000000000000000000000"
# want "note: \"pip\", \"setuptools\" and \"wheel\" of pip are not exact.*pinned-installer"
RUN pip install --upgrade pip setuptools wheel
RUN echo pip install flask
