# `serve` and `worker` in one image: docker build -t inpaint-tracker .
# With --build-arg REQUIREMENTS=demo it is larger and can run `sandbox` as well.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG REQUIREMENTS=run
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements requirements
RUN python -m venv --without-pip /opt/venv \
    && pip --python /opt/venv/bin/python install --require-hashes -r "requirements/${REQUIREMENTS}.txt"
RUN pip install --require-hashes -r requirements/build.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/venv/bin/python install --no-deps --no-index /wheel/*.whl

FROM ${BASE}
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 tracker \
    && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin tracker \
    && mkdir /app
COPY --from=build /opt/venv /opt/venv
# The base comes without the standard library's bytecode, and at run time none can be written: what we use gets it now.
RUN python -c "import cli.main, service.app, workers.main, http.client, uvicorn.loops.auto, uvicorn.protocols.http.auto"
ENV PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-IS", "-c", "import os, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 8000), timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["inpaint-tracker"]
CMD ["serve", "--host", "0.0.0.0"]
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="inpaint-tracker" \
      org.opencontainers.image.description="Submits Midjourney inpaint jobs to Apiframe and tracks every one to its end." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
