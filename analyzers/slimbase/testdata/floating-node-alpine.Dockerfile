# The same distribution is named.
# want "name a release line such as \"node:24-alpine\""
# want "has no digest"
FROM node:alpine
