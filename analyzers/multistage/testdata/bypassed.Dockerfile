# The stage that ships stands on one that builds; the other stage that is
# reached does not help.
FROM python:3.14-slim AS base
# want "\"gcc\" is installed in \"base\", which the stage that ships stands on"
RUN apt-get install -y gcc
FROM node:24-slim AS front
RUN npm run build
FROM base
COPY --from=front /dist /dist
