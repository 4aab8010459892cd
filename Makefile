# What one does with this project; `make` alone lists it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
DOCS   := $(VENV)/.docs
BROWSE := $(VENV)/.browser
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check

# The release of torch that the project is tested with; `TORCH=torch==2.4.1 make setup` takes another one, and later runs remember it.
DEFAULT_TORCH := torch==2.13.0
CHOSEN_TORCH  := $(or $(shell cat $(READY) 2>/dev/null),$(DEFAULT_TORCH))
TORCH         ?= $(CHOSEN_TORCH)

export PIP_ROOT_USER_ACTION := ignore
CHROMIUM := $(firstword $(foreach name,chromium chromium-browser google-chrome,$(shell command -v $(name))))

.PHONY: help doctor setup lab test test-browser docs slides student demo images pretrained bench bench-all bench-motion bench-applications bench-gpu bench-long fuzz costs run export numbers clean FORCE

help: ## list the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

doctor: ## is all there? versions, ffmpeg, threads, GPU, browser, a line each
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) .ci/doctor.py

setup: $(READY) ## make .venv with the project and all it needs (other targets do it by themselves)

lab: $(READY) ## open the chapters in JupyterLab
	@$(BIN)/python -m jupyterlab nbs

test: $(READY) ## check the project, run every chapter's tests and the command (a part: ARGS='04_flow' or ARGS='--only checks')
	@$(if $(and $(CHROMIUM),$(if $(ARGS),,all)),$(MAKE) -s --no-print-directory $(BROWSE) || echo 'no network: tests in a browser are left out' >&2)
	@$(BIN)/python .ci/check.py $(ARGS)

test-browser: $(READY) $(if $(CHROMIUM),$(BROWSE)) ## open the site and an explorer in a real browser (needs chromium)
	@$(BIN)/python .ci/check.py --only browser

docs: $(DOCS) ## write the site into _docs: chapters with their outputs, the library's interfaces, a search; opens without a network
	@$(BIN)/python .ci/docs.py

slides: $(DOCS) ## write a deck for each lecture into out/slides, from the chapter's own cells (a part: NB=04_flow); opens without a network
	@$(BIN)/python .ci/slides.py out/slides $(NB)

student: $(READY) ## write what a class gets into out/student: the chapters without solutions, answers sealed
	@$(BIN)/python .ci/student.py out/student

demo: $(READY) ## encode a clip, decode it in a fresh process, compare; writes out/demo
	@$(BIN)/python -m coordflow_nb.demo --out out/demo

images: $(READY) ## make the pictures and the numbers of the README and chapter 33: fits two models, at most 75 s each
	@mkdir -p nbs/images data/results
	@$(BIN)/python -m coordflow_nb.demo --out out/images --image nbs/images/demo.png
	@cp out/images/result.json data/results/demo.json
	@$(BIN)/python -m coordflow_nb.demo --clip moving_layers --size 192x128 --start 0 --frames 32 --out out/images --image nbs/images/layers.png
	@cp out/images/result.json data/results/demo_layers.json

pretrained: $(READY) ## make the files in data/ that explorers and applications open: six encodes, four to seven minutes
	@$(BIN)/coordflow encode moving_layers data/moving_layers.cfv --size 320x180 --bpp 0.1 --seconds 60
	@$(BIN)/coordflow encode moving_layers data/moving_layers_mlp.cfv --size 192x108 --frames 24 --bpp 0.2 --color mlp --seconds 120
	@for rate in 02 05 10; do $(BIN)/coordflow encode bunny data/bunny_$$rate.cfv --size 320x180 --frames 48 --bpp 0.$$rate --seconds 60 || exit; done
	@$(BIN)/coordflow encode carphone data/carphone.cfv --frames 60 --bpp 0.15 --seconds 60

bench: $(READY) ## run a benchmark: SUITE=rd (five clips, all codecs: an hour), everyday, motion, networks, learned_motion, applications, speed, gpu or long; CLIPS=folder with the real clips
	@mkdir -p data/results
	@$(BIN)/python -m coordflow_nb.experiments.$(or $(SUITE),rd) $(if $(CLIPS),--clips $(CLIPS)) $(ARGS)

bench-all: $(READY) ## make all of data/results again, at this commit, one case at a time: hours on a machine that does nothing else; goes on when called again; CLIPS=folder
	@mkdir -p data/results
	@$(BIN)/python -m coordflow_nb.experiments.everything $(if $(CLIPS),--clips $(CLIPS)) $(ARGS)

bench-motion: ## what motion and layers are worth: 85 encodes, half an hour; CLIPS=folder with blackswan.mkv and goat_shaky.mkv adds those
	@$(MAKE) -s --no-print-directory bench SUITE=motion

bench-applications: ## six applications beside what people use today; CLIPS=folder with the real clips adds those
	@$(MAKE) -s --no-print-directory bench SUITE=applications

bench-gpu: ## what a GPU is worth: steps, decoding, full-size clips; stops after nine minutes, goes on when called again; CLIPS=folder
	@$(MAKE) -s --no-print-directory bench SUITE=gpu

bench-long: ## clips of 100, 500 and 2,000 frames: memory and seconds; one worker and two: a quarter of an hour on an idle machine
	@$(MAKE) -s --no-print-directory bench SUITE=long

fuzz: $(READY) ## throw changed files at the decoder for ten minutes, then the dearest that it opens; a file that breaks it lands in out/fuzz
	@mkdir -p data/results
	@$(BIN)/python -m coordflow_nb.trust --seconds 600 --out data/results/fuzz.json

costs: $(READY) ## time every notebook on an idle machine and say it at the top of each: a quarter of an hour
	@$(BIN)/python .ci/costs.py

run: $(READY) ## execute chapters and save their outputs (NB=nbs/04_flow.ipynb for one, SLOW=1 for the slow cells too)
	@$(BIN)/python .ci/execute.py $(if $(SLOW),--slow) $(NB)

export: $(READY) ## write coordflow_nb/ and README.md from the notebooks
	@$(BIN)/python -c 'import nbdev; nbdev.nbdev_export()'
	@$(BIN)/python .ci/readme.py

numbers: $(READY) ## fill in the numbers in prose that come from data/results, and list them with their places there
	@$(BIN)/python .ci/quoted.py
	@$(BIN)/python .ci/readme.py

clean: $(READY) ## strip the notebooks of everything that does not belong into a commit
	@$(BIN)/python -c 'from nbdev.clean import nbdev_clean; nbdev_clean()'

ifneq ($(TORCH),$(CHOSEN_TORCH))
$(READY): FORCE
endif
$(READY): settings.ini setup.py Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	  { echo "setup: $(PYTHON) is missing or older than Python 3.10; name another one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "setup: $(PYTHON) comes without venv; install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@test -x $(BIN)/python || { echo "setup: making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "setup: packaging tools" && $(PIP) 'pip>=24' 'setuptools>=70' wheel
	@echo "setup: $(TORCH)" && $(PIP) '$(TORCH)'
	@echo "setup: coordflow_nb and the libraries it uses" && $(PIP) --no-build-isolation -e '.[dev,cluster]'
	@echo "$(filter-out $(DEFAULT_TORCH),$(TORCH))" > $@ && echo "setup: ready"

$(DOCS): $(READY)
	@echo "setup: what writes the site" && $(PIP) --no-build-isolation -e '.[docs]' && touch $@

$(BROWSE): $(DOCS)
	@echo "setup: what drives a browser" && $(PIP) --no-build-isolation -e '.[browser]' && touch $@
