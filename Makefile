PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Written last, so that an interrupted installation is taken up again.
INSTALLED := $(VENV)/.installed
# One more than two cores: a third of the time is waiting for ROS processes.
WORKERS ?= 3
PARALLEL := -n $(WORKERS) --dist worksteal
INDEX := share/ament_index/resource_index/packages
SHARE := $(VENV)/share/depth_ros

# .venv has all of ROS 2 that it needs: a sourced installation, or another such environment, must
# not mix with it.
unexport PYTHONPATH LD_LIBRARY_PATH _ROS_WHEELS_BOOTSTRAP_COMPLETE
# The tests start hundreds of processes: each would compile the package anew.
unexport PYTHONDONTWRITEBYTECODE
# Makes the ROS packages in .venv, this one included, visible to ROS tools.
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)
export ROS_LOG_DIR := $(CURDIR)/out/log

.PHONY: help demo test test-fast check docs bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

demo: $(INSTALLED) ## depth and a point cloud of a rendered drive, in out/demo
	$(VENV)/bin/depth_ros demo --out out/demo

test: $(INSTALLED) ## every test
	$(PY) -m pytest $(PARALLEL)

test-fast: $(INSTALLED) ## the tests that take a minute together
	$(PY) -m pytest $(PARALLEL) -m 'not slow'

check: $(INSTALLED) ## style, types, and who may import whom
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	$(PY) -m pytest test/test_imports.py

docs: $(INSTALLED) ## the documentation, in out/docs
	$(PY) -m sphinx -b html -E -W --keep-going -q docs out/docs
	@echo "page: out/docs/index.html"

bench: $(INSTALLED) ## how fast and how accurate on this machine
	$(PY) -m benchmarks
	$(PY) -m benchmarks.whole
	$(PY) -m benchmarks.cpu
	$(PY) -m benchmarks.live
	$(PY) -m benchmarks.live --cameras 3 --out out/bench/cameras.json
	$(PY) -m benchmarks.convert
	if $(PY) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then \
	    $(PY) -m benchmarks.gpu; fi

clean: ## remove what the other targets made, .venv included
	rm -rf $(VENV) out build docs/_generated *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): constraints.txt requirements-ros.txt setup.py
	$(PYTHON) -m venv $(VENV)
	# torch first: by far the largest download is not repeated when a later one fails.
	$(PY) -m pip install -c constraints.txt torch
	$(PY) -m pip install -c constraints.txt -r requirements-ros.txt -e '.[test,dev,docs]' --config-settings editable_mode=compat
	# An editable installation leaves out what ROS tools look for.
	rm -rf $(SHARE)
	mkdir -p $(VENV)/lib/depth_ros $(SHARE)/launch $(SHARE)/config/nav2 $(SHARE)/config/presets $(VENV)/$(INDEX)
	ln -sf ../../bin/depth_node ../../bin/depth_ros $(VENV)/lib/depth_ros
	ln -sf ../../../package.xml $(SHARE)
	# Files one by one: ros2 launch does not look into a folder that is a link.
	ln -sf $(addprefix ../../../../,$(wildcard launch/*.*)) $(SHARE)/launch
	ln -sf $(addprefix ../../../../,$(wildcard config/*.*)) $(SHARE)/config
	ln -sf $(addprefix ../../../../../,$(wildcard config/nav2/*)) $(SHARE)/config/nav2
	ln -sf $(addprefix ../../../../../,$(wildcard config/presets/*)) $(SHARE)/config/presets
	touch $(VENV)/$(INDEX)/depth_ros
	touch $@
