# A base with compilers, and a RUN that cleans up without removing its own.
FROM python:3.14 AS one
# want "compiles in the stage that ships"
RUN apt-get update && apt-get install -y gcc && make -C /src && rm -rf /var/lib/apt/lists/*
