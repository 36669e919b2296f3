# want "use \"python:3.12-slim\""
FROM python:3.12
