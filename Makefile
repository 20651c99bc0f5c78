# One command for everything. `make help` lists the targets.
SHELL   := /bin/bash
PREFIX  ?= /usr/local
DESTDIR ?=
CONFIG  ?= Release
BIN     := out/bin
NAMES   := docker dockerd docker-proxy containerd docker-containerd containerd-shim-runc-v2 docker-containerd-shim runc docker-runc ctr
UNITS   := docker.service docker.socket containerd.service
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: help deps build native run test test-unit test-native test-functional test-vm bench perf fuzz install uninstall fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 18

deps: ## install what building and testing need (Debian, root)
	@tests/tools/deps.sh

native: ## the C side alone
	@$(MAKE) -s -C native all

# What the program may weigh on a small device's flash, in bytes; a build beyond it fails.
SIZE_LIMIT ?= 16000000

build: native ## out/bin/aotruntime and its names; its symbols in out/debug
	@dotnet publish src/AotRuntime -c $(CONFIG) -o out/publish --nologo -v q
	@mkdir -p $(BIN) out/debug
	@if [ -e out/publish/aotruntime.dbg ]; then mv -f out/publish/aotruntime.dbg out/debug/aotruntime.dbg; fi
	@cp -f out/publish/aotruntime $(BIN)/.aotruntime.new && mv -f $(BIN)/.aotruntime.new $(BIN)/aotruntime
	@for n in $(NAMES); do ln -sfn aotruntime $(BIN)/$$n; done
	@size=$$(stat -c %s $(BIN)/aotruntime); if [ $(CONFIG) = Release ] && [ $$size -gt $(SIZE_LIMIT) ]; then \
		echo "out/bin/aotruntime has $$size bytes, more than SIZE_LIMIT=$(SIZE_LIMIT)" >&2; exit 1; fi
	@if [ -x out/native/docker-init ]; then cp -f out/native/docker-init $(BIN)/docker-init; fi

run: ## hello-world through every role, isolated, cleaned up afterwards
	@tests/tools/deps.sh build
	@$(MAKE) -s build
	@tests/tools/demo.sh

test: ## everything: C and unit tests, fuzzing (three minutes), functional tests (root); RUNTIME=/usr/sbin/runc: the tests of runc on that program
	@$(if $(RUNTIME),tests/tools/reference.sh $(RUNTIME),tests/tools/test.sh)

test-native: ## the C tests
	@$(MAKE) -s -C native test

test-unit: ## the unit tests
	@tests/tools/test.sh unit

test-functional: ## the functional tests on out/bin (root)
	@tests/tools/test.sh functional

test-vm: ## the role runc and the whole stack on a machine with cgroup v2 alone, and under systemd, in qemu (root, Debian); VM=runc for one of them
	@tests/tools/vm.sh $(VM)

fuzz: ## changed inputs for every parser; FUZZ_SECONDS a target (60), FUZZ_SEED for other ones
	@dotnet build tests/Fuzz -c Debug -v q --nologo
	@tests/Fuzz/bin/Debug/net10.0/AotRuntime.Fuzz all $(or $(FUZZ_SECONDS),60)

bench: ## in-process micro-benchmarks (BenchmarkDotNet)
	@dotnet run -c Release --project bench -- --filter '*'

perf: build ## whole programs against their peers; tables and plots in perf/results
	@perf/run.sh

# What lies under one of our names and is not ours, install does not overwrite: uninstall could not bring it back.
install: ## binary, names and systemd units under PREFIX
	@[ -x $(BIN)/aotruntime ] || { echo "nothing is built yet: make build" >&2; exit 1; }
	@for n in $(NAMES); do f=$(DESTDIR)$(PREFIX)/bin/$$n; \
	    if { [ -e $$f ] || [ -L $$f ]; } && [ "$$(readlink $$f)" != aotruntime ]; then \
	        echo "$$f belongs to something else; choose another PREFIX" >&2; exit 1; fi; done
	@for f in $(DESTDIR)$(PREFIX)/bin/docker-init $(UNITS:%=$(DESTDIR)$(PREFIX)/lib/systemd/system/%); do \
	    if [ -e $$f ] && ! grep -qsia aotruntime $$f; then echo "$$f belongs to something else; choose another PREFIX" >&2; exit 1; fi; done
	@install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system
	@install -m 0755 $(BIN)/aotruntime $(DESTDIR)$(PREFIX)/bin/aotruntime
	@for n in $(NAMES); do ln -sfn aotruntime $(DESTDIR)$(PREFIX)/bin/$$n; done
	@install -m 0755 $(BIN)/docker-init $(DESTDIR)$(PREFIX)/bin/docker-init
	@for u in $(UNITS); do sed 's,@PREFIX@,$(PREFIX),g' native/systemd/$$u.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/$$u; done
	@echo "installed under $(DESTDIR)$(PREFIX); 'systemctl daemon-reload && systemctl enable --now docker' starts it; 'make uninstall' undoes it"

uninstall: ## remove what install put there, and nothing else
	@for n in $(NAMES); do \
	    f=$(DESTDIR)$(PREFIX)/bin/$$n; [ "$$(readlink $$f 2>/dev/null)" = aotruntime ] && rm -f $$f || true; done
	@rm -f $(DESTDIR)$(PREFIX)/bin/aotruntime
	@for f in $(DESTDIR)$(PREFIX)/bin/docker-init $(UNITS:%=$(DESTDIR)$(PREFIX)/lib/systemd/system/%); do \
	    if grep -qsia aotruntime $$f; then rm -f $$f; fi; done

fmt: ## format the sources
	@dotnet format AotRuntime.sln

clean: ## remove all that was built
	@rm -rf out src/*/bin src/*/obj tests/*/bin tests/*/obj bench/bin bench/obj
