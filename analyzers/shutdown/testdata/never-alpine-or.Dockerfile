# The shell runs its last command in its own place.
FROM alpine:3.22
CMD migrate; test -n "$A" || serve 2>&1
