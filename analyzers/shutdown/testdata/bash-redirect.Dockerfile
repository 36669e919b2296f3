# bash stays where the last command is more than its words.
FROM python:3.14-slim
# want "ENTRYPOINT runs \"migrate && serve 2>&1\" under a shell.*put exec before \"serve\""
ENTRYPOINT ["bash", "-c", "migrate && serve 2>&1"]
