# The shell runs its last command in its own place.
FROM alpine:3.22
CMD if [ -n "$A" ]; then migrate; serve 2>&1; fi
