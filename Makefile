# SPDX-License-Identifier: GPL-2.0
# Kernel patches and their tests: `make help` lists the targets.
PYTHON := /usr/bin/python3
MAKEFLAGS += --no-print-directory
export KDIR TOPIC JOB SAN ONLY
.PHONY: all check kunit mutants fixes e2e e2e-history models-history bench audit docs readme series tree export mend update clean help
.NOTPARALLEL:

all check kunit mutants fixes e2e e2e-history models-history bench audit docs readme series tree export mend update clean help: $(PYTHON)
	@$(PYTHON) -m harness $@

$(PYTHON):
	@set -- apt-get install -y -qq --no-install-recommends python3; test $$(id -u) = 0 || set -- sudo -n "$$@"; \
	"$$@" >&2 || { echo "error: python3 is missing, run: sudo apt-get install -y python3" >&2; exit 1; }
