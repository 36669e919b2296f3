FROM python:3.14-slim
# want "write it in exec form"
CMD python -m app "a b"
