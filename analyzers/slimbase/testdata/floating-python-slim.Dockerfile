# want "slimbase-floating"
FROM python:slim
