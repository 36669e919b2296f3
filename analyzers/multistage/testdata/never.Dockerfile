# pip installs alone are no build work; a compiler that goes in the same RUN
# leaves nothing, and neither does what it compiled.
FROM python:3.14-slim
RUN pip install flask==3.1.2
RUN set -eux; \
    savedAptMark="$(apt-mark showmanual)"; \
    apt-get update; apt-get install -y gcc make; \
    make -C /tmp/x install; \
    apt-mark auto '.*' > /dev/null; \
    apt-mark manual $savedAptMark; \
    apt-get purge -y --auto-remove
