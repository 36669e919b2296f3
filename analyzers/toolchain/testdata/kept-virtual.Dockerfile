# The virtual package has another name.
FROM alpine:3.22
# want "where it stays: apk del of line 4 removes \".build\", and the virtual package is called \".build-deps\""
RUN apk add --no-cache --virtual .build-deps gcc && make && apk del .build
