FROM python:3.12.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt /app/
RUN pip install -r /app/requirements.txt
WORKDIR /app
COPY . .
# The settings want keys before anything runs; these reach one step of this stage and no layer of the image.
RUN python scripts/compile_locale.py \
    && python -m vpnservice.new_env > /tmp/build.env \
    && TELEGRAM_BOT_TOKEN=1000001:only-for-this-build-step PUBLIC_BASE_URL=https://build.invalid \
       ENV_FILE=/tmp/build.env python manage.py collectstatic --noinput --verbosity 0 \
    && rm /tmp/build.env \
    && python -m compileall -q /app /opt/venv

FROM python:3.12.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN groupadd --gid 10001 shop \
    && useradd --uid 10001 --gid shop --home-dir /app --no-create-home --shell /usr/sbin/nologin shop \
    && install -d -o shop -g shop /app /app/data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "deploy/health.py", "web"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "1", "--respawn-failed-workers", "vpnservice.wsgi:application"]
