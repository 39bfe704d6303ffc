# One image for web, worker and beat: docker-compose.yml says which runs where.

FROM node:22-slim AS frontend
WORKDIR /src
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci
COPY frontend/ ./
RUN npm run build

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PULSE_DATA_DIR=/data
WORKDIR /app
COPY requirements.txt ./
RUN pip install --require-hashes --no-deps -r requirements.txt
COPY manage.py ./
COPY pulse pulse
COPY schedules schedules
COPY executions executions
COPY tasklogs tasklogs
COPY examples examples
COPY pulse_project pulse_project
COPY --from=frontend /src/dist frontend/dist
RUN useradd --system --home-dir /data pulse && mkdir /data && chown pulse /data
USER pulse
VOLUME /data
EXPOSE 8820
CMD ["uvicorn", "pulse_project.asgi:application", "--host", "0.0.0.0", "--port", "8820"]
