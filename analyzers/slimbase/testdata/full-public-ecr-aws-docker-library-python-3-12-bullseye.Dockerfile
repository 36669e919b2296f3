# want "use \"public.ecr.aws/docker/library/python:3.12-slim-bullseye\"" "slimbase-undigested" "Debian 11 had its last security support on 2026-08-31 .Debian LTS.: move"
FROM public.ecr.aws/docker/library/python:3.12-bullseye
