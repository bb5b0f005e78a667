VENV_PYTHON := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help demo demo-password demo-reset env install test lint format proof bench screenshots

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Start the whole shop on this computer, with pretend Telegram and panel (Ctrl-C stops it)
	@scripts/bootstrap.sh
	@exec $(VENV_PYTHON) manage.py demo

demo-password: ## Give the demo's staff user a new password and show it
	@scripts/bootstrap.sh
	@exec $(VENV_PYTHON) manage.py demo --new-password

demo-reset: ## Throw away everything the demo has stored
	@scripts/bootstrap.sh
	@exec $(VENV_PYTHON) manage.py demo --reset

env: ## Write .env for a real installation, with fresh keys; you add the bot's token and the address
	@scripts/bootstrap.sh
	@if [ -e .env ]; then echo ".env is there already: remove it first if you mean to start over."; exit 1; fi
	@umask 077 && $(VENV_PYTHON) -m vpnservice.new_env > .env && echo "Written: .env. Open it and fill in what is empty."

install: ## Make .venv with everything development needs
	@scripts/bootstrap.sh dev

test: install ## Check everything: style, types, imports, tests on SQLite and on PostgreSQL with Redis
	@exec $(VENV_PYTHON) scripts/check.py all

lint: install ## Check style, types, imports and deployment files only
	@exec $(VENV_PYTHON) scripts/check.py lint

format: install ## Rewrite the code in the project's style
	@.venv/bin/ruff check --fix-only --exit-zero
	@.venv/bin/ruff format

proof: install ## Run the long proofs whole (up to an hour) and write docs/proof/
	@exec $(VENV_PYTHON) -m scripts.proof

bench: install ## Run the benchmarks on PostgreSQL with Redis
	@set -e; for file in benchmarks/bench_*.py; do \
		name=$${file##*/}; \
		$(VENV_PYTHON) scripts/services.py --durable $(VENV_PYTHON) -m "benchmarks.$${name%.py}"; \
	done

screenshots: install ## Take the pictures of docs/screenshots anew, with a demo of its own and Chromium
	@exec $(VENV_PYTHON) -m scripts.screenshots
