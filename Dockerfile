# The service alone (a shop in a folder or in PostgreSQL): no torch, nothing that trains. Build: docker build -t vitrine .
FROM python:3.12-slim AS build
COPY requirements-service.txt /source/
# Only files whose hashes are listed are installed, Vitrine's own aside.
RUN python -m venv /vitrine \
 && /vitrine/bin/pip install --no-cache-dir --require-hashes -r /source/requirements-service.txt
COPY pyproject.toml README.md LICENSE /source/
COPY src /source/src
RUN /vitrine/bin/pip install --no-cache-dir --no-deps --no-build-isolation /source

FROM python:3.12-slim
# FAISS and numba need OpenMP's run time.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home vitrine
COPY --from=build /vitrine /vitrine
ENV PATH=/vitrine/bin:$PATH PYTHONUNBUFFERED=1 NUMBA_CACHE_DIR=/tmp/numba
USER vitrine
EXPOSE 8000
# The shop is written to by the API, so it is a volume that belongs to user 10001.
VOLUME /shop
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s CMD \
  ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["vitrine", "serve", "/shop", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--keys", "/run/secrets/keys"]
