# Silent.
FROM python:3.14-alpine
CMD python -m app
