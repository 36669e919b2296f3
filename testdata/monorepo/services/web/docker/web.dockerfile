ARG PYTHON=3.8
FROM python:${PYTHON}
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY app app
CMD ["uvicorn", "app:app"]
