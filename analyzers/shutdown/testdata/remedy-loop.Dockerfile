FROM python:3.14-slim
# want "let it end with exec and the application"
CMD while true; do python -m app; done
