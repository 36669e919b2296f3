# Every spelling of pip, one finding for each command, on the line of its word.
FROM python:3.14-slim
# want "\"flask\" and \"gunicorn>=22\" of pip are not exact"
RUN pip install flask "gunicorn>=22" redis==5.0.0
# want+1 "\"requests\\[socks\\]\" of pip is not exact"
RUN set -e; \
    python3.14 -I -m pip --no-cache-dir install -q --index-url https://example.com/simple requests[socks]
# want "\"a==1.\\*\" and \"b~=2.0\" of pip are not exact"
RUN ["/opt/venv/bin/pip3", "install", "a==1.*", "b~=2.0"]
# want "\"c\" of uv pip"
RUN uv --quiet pip install --system c d===1.0
# want "\"ruff\" of uv tool"
RUN uv tool install ruff
# want "\"black\" of uvx"
RUN uvx --with click==8.1.0 black --check .
# want "\"poetry-core\" of pipx"
RUN pipx install poetry-core
# want "\"numpy\" and \"scipy=1.11\" of micromamba are not exact"
RUN micromamba install -y -n base -c conda-forge python=3.12 numpy scipy=1.11 pandas=2.1.4 'jinja2==3.1.2'
# want "\"flask\" of pip is not exact"
RUN pip install flask>=2
# want+2 "\"e\" of pip is not exact"
RUN <<EOT
set -e
pip install e
EOT
# want "\"dask>=2\", \"xarray!=3\" and \"zarr~=2.0\" of conda are not exact"
RUN conda install -y "dask>=2" "xarray!=3" "zarr~=2.0" fsspec=2024.1.0=py_0
