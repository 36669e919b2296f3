# The base has gcc already: installing it again is no build work.
FROM python:3.14
RUN apt-get update && apt-get install -y gcc g++
