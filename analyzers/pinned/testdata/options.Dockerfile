# Options that take a value, abbreviations, and one that nobody knows.
FROM python:3.14-slim
COPY r.txt /
RUN uv pip install --python-preference system -r /r.txt
RUN uv pip install --system --index-strategy unsafe-best-match flask==3.1.2
# want "\"flask\" of pip is not exact"
RUN pip install --no-cache flask
RUN pip install --progress-bar off flask==3.1.2
RUN pip install --some-new-option off flask==3.1.2
RUN uvx --python-preference only-managed ruff==0.6.0
