# Nobody chose the stage, and its name is one for development: a note.
FROM python:3.14-slim AS runtime
# want "note: base image \"python:3.14\" is the full variant" "slimbase-undigested"
FROM python:3.14 AS dev
