# No part of a pipeline can take the place of the shell.
FROM alpine:3.22
# want "CMD runs .serve . tee log. under a shell"
CMD serve | tee log
