# sh -c in exec form, with more than one command, under dash.
FROM python:3.14-slim
# want "ENTRYPOINT runs \"migrate && serve\" under a shell.*put exec before \"serve\""
ENTRYPOINT ["sh", "-c", "migrate && serve"]
CMD ["x"]
