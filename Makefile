# SPDX-License-Identifier: GPL-2.0
# Kernel patches and their tests: `make help` lists the targets and what they take.
PYTHON := /usr/bin/python3
MAKEFLAGS += --no-print-directory
GOALS := $(or $(MAKECMDGOALS),all)
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),$(name)))
.NOTPARALLEL:
.PHONY: $(GOALS)
.PRECIOUS: $(PYTHON) # make would remove it where its installation is interrupted

# The harness knows which targets and variables there are.
$(GOALS): $(PYTHON)
	@$(PYTHON) -m harness $@ $(foreach name,$(GIVEN),--$(name)="$$$(name)")

$(PYTHON):
	@set -- apt-get install -y -qq --no-install-recommends python3; test $$(id -u) = 0 || set -- sudo -n "$$@"; \
	"$$@" >&2 || { echo "error: python3 is missing, run: sudo apt-get install -y python3" >&2; exit 1; }
