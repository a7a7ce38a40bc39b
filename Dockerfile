# One build, one set of layers; each target below only says which service starts. `docker build --target gateway .`

FROM python:3.13-slim AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/angarium \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements-bootstrap.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-bootstrap.txt
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --all-extras --no-install-project
COPY README.md LICENSE ./
COPY src ./src
RUN uv sync --frozen --no-dev --all-extras --no-editable

FROM python:3.13-slim AS runtime
# jemalloc gives memory back after a burst of connections; glibc's allocator keeps it.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libjemalloc2 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --create-home angarium
COPY --from=build /opt/angarium /opt/angarium
COPY deploy/healthcheck.py /opt/healthcheck.py
ENV PATH=/opt/angarium/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONMALLOC=malloc \
    LD_PRELOAD=libjemalloc.so.2 \
    MALLOC_CONF=background_thread:true,dirty_decay_ms:2000,muzzy_decay_ms:0,narenas:1 \
    ANGARIUM_HOST=0.0.0.0 \
    ANGARIUM_DATA_DIR=/data \
    ANGARIUM_LOG_FORMAT=json
WORKDIR /data
VOLUME /data
USER angarium
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["python", "/opt/healthcheck.py"]
ENTRYPOINT ["angarium"]

FROM runtime AS gateway
ENV ANGARIUM_PORT=8000
EXPOSE 8000
CMD ["serve", "gateway"]

FROM runtime AS users
ENV ANGARIUM_PORT=8001
EXPOSE 8001
CMD ["serve", "users"]

FROM runtime AS templates
ENV ANGARIUM_PORT=8002
EXPOSE 8002
CMD ["serve", "templates"]

FROM runtime AS email
ENV ANGARIUM_PORT=8003
EXPOSE 8003
CMD ["work", "email"]

FROM runtime AS push
ENV ANGARIUM_PORT=8004
EXPOSE 8004
CMD ["work", "push"]

FROM runtime AS sms
ENV ANGARIUM_PORT=8005
EXPOSE 8005
CMD ["work", "sms"]

FROM runtime AS webhook
ENV ANGARIUM_PORT=8006
EXPOSE 8006
CMD ["work", "webhook"]

# Without a target: everything in one container, with nothing beside it.
FROM runtime AS embedded
ENV ANGARIUM_PORT=8000
EXPOSE 8000 1025
CMD ["up"]
