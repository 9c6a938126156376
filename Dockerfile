# `serve`, `worker` and `sandbox` in one image: docker build -t inpaint-tracker .
# With --build-arg REQUIREMENTS=run it is without the sandbox, and half the size. deploy/README.md tells more.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ARG REQUIREMENTS=sandbox
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements requirements
RUN python3 -m venv --without-pip /opt/venv && python3 -m venv /opt/tools && ln -sf /opt/tools/bin/pip /usr/local/bin/pip \
    && pip --python /opt/venv/bin/python install --require-hashes -r "requirements/${REQUIREMENTS}.txt"
RUN pip install --require-hashes -r requirements/build.txt -r requirements/sbom.txt
COPY . .
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
    && pip --python /opt/venv/bin/python install --no-deps --no-index /wheel/*.whl
# At run time no bytecode can be written: what we use of the standard library gets its own now.
RUN /opt/venv/bin/python -c "import cli.main, cli.processes, cli.healthy, service.app, service.aside.helper, workers.main, uvicorn.loops.auto, uvicorn.protocols.http.auto" \
    && python3 deploy/image/root.py /rootfs \
    && mkdir -p /rootfs/usr/share/inpaint-tracker \
    && /opt/tools/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml \
        --output-file /rootfs/usr/share/inpaint-tracker/sbom.cdx.json /opt/venv/bin/python \
    && python3 deploy/image/bill.py /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/opt/venv/bin LANG=C.UTF-8 SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOST=0.0.0.0
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["inpaint-tracker", "healthy"]
ENTRYPOINT ["inpaint-tracker"]
CMD ["serve"]
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="inpaint-tracker" \
      org.opencontainers.image.description="Submits Midjourney inpaint jobs to Apiframe and tracks every one to its end." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
