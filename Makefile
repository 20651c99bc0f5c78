# One command for everything. `make help` lists the targets.
SHELL   := /bin/bash
PREFIX  ?= /usr/local
CONFIG  ?= Release
BIN     := out/bin
NAMES   := docker dockerd containerd docker-containerd containerd-shim-runc-v2 docker-containerd-shim runc docker-runc ctr docker-proxy
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: help deps build native fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

deps: ## install what building and testing need (Debian 12, root)
	@tests/deps.sh

native: ## the C side alone
	@$(MAKE) -s -C native lib

SQLITE := $(shell gcc -print-file-name=libsqlite3.a)

build: native ## out/bin/aotruntime and its names
	@dotnet publish src/AotRuntime -c $(CONFIG) -o out/publish -p:SqliteArchive=$(SQLITE) --nologo -v q
	@mkdir -p $(BIN)
	@cp -f out/publish/aotruntime $(BIN)/.aotruntime.new && mv -f $(BIN)/.aotruntime.new $(BIN)/aotruntime
	@for n in $(NAMES); do ln -sfn aotruntime $(BIN)/$$n; done

fmt: ## format the sources
	@dotnet format AotRuntime.sln
	@clang-format -i native/*/*.c native/*/*.h

clean: ## remove all that was built
	@rm -rf out src/*/bin src/*/obj tests/*/bin tests/*/obj bench/bin bench/obj
