# Each command is a script that runs without make too. ARGS are handed on: make run ARGS="--port 9000".
.PHONY: bench-jobs help run test chaos check format frontend api-types pictures lock ci clean
.DEFAULT_GOAL := help

help: ## List these commands
	@scripts/help

run: ## Set up what is missing and start all of Pulse, until Ctrl+C (--port N, --concurrency N, --bare)
	@scripts/run $(ARGS)

test: ## Set up, check, and run all tests (ARGS go to pytest and leave the checks out)
	@scripts/test $(ARGS)

chaos: ## Kill everything at random for a minute while 2,000 jobs run (--seconds N, --jobs N, --seed N)
	@scripts/chaos $(ARGS)

check: ## Check format, lint, types, import contracts, migrations and the front end
	@scripts/check

format: ## Put the Python sources into form
	@scripts/format

frontend: ## Build the front end if its sources changed
	@scripts/frontend

api-types: ## Write the front end's types anew from the API's schema
	@scripts/api-types

pictures: ## Take the pictures of docs/img/ anew (needs Chromium)
	@scripts/pictures

lock: ## Resolve requirements*.in anew into the locked lists (ARGS=--upgrade for newer versions)
	@scripts/lock $(ARGS)

ci: ## Do what the continuous integration does
	@.ci/run

bench-jobs: ## Measure jobs against bare Celery and django-celery-results (ARGS="--jobs 20000")
	@scripts/bench jobs $(ARGS)

clean: ## Remove what was built and installed; the data in var/ stays
	@scripts/clean
