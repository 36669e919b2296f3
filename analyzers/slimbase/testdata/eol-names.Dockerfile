# Python that another publisher's image has, by its name or its tag.
FROM public.ecr.aws/lambda/python:3.14 AS a
FROM registry.example.com/team/app:2.1-python3.14 AS b
# want "Python 3.9 had its last security support on 2025-10-31"
# want "has no digest"
FROM public.ecr.aws/lambda/python:3.9
COPY --from=a /a /a
COPY --from=b /b /b
