# Alpine's index.
FROM python:3.14-alpine
# want "leaves apk's index in the image: apk add --no-cache"
RUN apk add libpq
RUN apk add --no-cache libpq
RUN apk add libpq && rm -rf /var/cache/apk/*
