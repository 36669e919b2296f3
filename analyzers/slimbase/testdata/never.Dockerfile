# Nothing to say: slim, a digest, scratch, no sibling, private names, and an
# argument without a value. Every stage is reached.
ARG PRIVATE
FROM python:3.11-slim AS a
FROM python:slim@sha256:0000000000000000000000000000000000000000000000000000000000000000 AS b
FROM scratch AS c
FROM ubuntu:24.04 AS d
FROM registry.example.com/team/base:7 AS e
FROM registry.example.com/team/python:stable AS f
FROM registry.access.redhat.com/ubi9/python-312-minimal:9.8 AS g
FROM mcr.microsoft.com/windows/servercore:ltsc2022 AS h
FROM python:3.12-windowsservercore-ltsc2022 AS i
FROM python:3.14-rc-slim AS j
FROM ${PRIVATE}
COPY --from=a / /a
COPY --from=b / /b
COPY --from=c / /c
COPY --from=d / /d
COPY --from=e / /e
COPY --from=f / /f
COPY --from=g / /g
COPY --from=h / /h
COPY --from=i / /i
COPY --from=j / /j
