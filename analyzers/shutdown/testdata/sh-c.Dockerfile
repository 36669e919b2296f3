# sh -c in exec form, with more than one command: under any shell.
FROM alpine:3.22
# want "ENTRYPOINT runs \"migrate && serve\" under a shell.*put exec before \"serve\""
ENTRYPOINT ["sh", "-c", "migrate && serve"]
CMD ["x"]
