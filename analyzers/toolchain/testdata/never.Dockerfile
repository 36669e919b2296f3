# No compiler: runtime libraries, parts alone, a JRE, git, wheels that hold one.
FROM python:3.14-slim
RUN apt-get update && apt-get install -y gcc-12-base libgcc-s1 libstdc++6 binutils make pkg-config git default-jre-headless libpq-dev python3-dev
RUN pip install cmake==3.30.0 ninja==1.11.1 ziglang==0.13.0
