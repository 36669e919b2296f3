# want "use \"public.ecr.aws/docker/library/python:3.12-slim-bullseye\""
FROM public.ecr.aws/docker/library/python:3.12-bullseye
