# A base that is not known may turn pip's cache off; dnf's and apt's it cannot.
FROM registry.example.com/team/python:3.14
RUN pip install flask==3.1.2
# want "leaves dnf's cache in the image: dnf clean all"
RUN dnf install -y libpq
RUN dnf install -y libpq && dnf clean all
RUN dnf install -y libpq && rm -rf /var/cache/yum
