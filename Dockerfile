# aqa on a CPU. How to use it, and how to pin the base image by its digest: docs/docker.md
FROM python:3.11.14-slim-bookworm AS build
WORKDIR /src
COPY lock-cpu.txt ./
RUN python -m venv /opt/aqa
RUN /opt/aqa/bin/pip install --no-cache-dir --require-hashes -r lock-cpu.txt
COPY . ./
RUN /opt/aqa/bin/pip install --no-cache-dir --no-deps --no-build-isolation .
RUN /opt/aqa/bin/aqa --help

FROM python:3.11.14-slim-bookworm
# Any user may keep checkpoints and videos there, also one of `docker run --user`.
RUN useradd --uid 1000 --create-home aqa && mkdir --mode 1777 /cache /data
COPY --from=build /opt/aqa /opt/aqa
ENV PATH=/opt/aqa/bin:$PATH AQA_CACHE=/cache PYTHONUNBUFFERED=1
USER aqa
WORKDIR /data
ENTRYPOINT ["aqa"]
CMD ["--help"]
