# A thin front: CMake does the work (CMakePresets.json). Every target works as the first command
# on a fresh Debian 12 that has git, make and a compiler: scripts/deps sees to the packages.

PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
NAMES   ?=
JOBS    ?= $(shell nproc)
MENU    ?= mixed
SEEDS   ?= $(shell echo $$(($$(date +%s) / 86400 * 100000)))..$(shell echo $$(($$(date +%s) / 86400 * 100000 + 99999)))
TABLES  ?= bulk reorder short fair

.PHONY: all demo test campaign tables lab-docs bench tidy lint fuzz install clean help

all:
	@scripts/deps build
	@cmake --preset release -B $(BUILD) >/dev/null
	@cmake --build $(BUILD) --target product

demo:
	@scripts/deps demo
	@$(MAKE) --no-print-directory all
	@$(BUILD)/lastack demo

test:
	@scripts/deps test
	@BUILD=$(BUILD) scripts/test

campaign: all
	@$(BUILD)/lastack sim --menu $(MENU) --seeds $(SEEDS) -j$(JOBS)

tables: all
	@for t in $(TABLES); do \
		echo "tests/sim/tables/$$t.txt"; \
		$(BUILD)/lastack sim --table $$t -j$(JOBS) >$(BUILD)/table.txt && \
		mv $(BUILD)/table.txt tests/sim/tables/$$t.txt || exit 1; \
	done

lab-docs: all
	@BUILD=$(BUILD) scripts/lab-docs

bench: all
	@$(BUILD)/lastack bench $(NAMES)

tidy:
	@scripts/deps tidy
	@scripts/tidy

lint:
	@scripts/deps lint
	@$(MAKE) --no-print-directory all
	@BUILD=$(BUILD) scripts/lint

fuzz:
	@scripts/deps fuzz
	@cmake --preset fuzz -B $(BUILD)/fuzz >/dev/null
	@cmake --build $(BUILD)/fuzz

install: all
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf $(BUILD)

help:
	@echo "make          build/lastack, build/liblastack.a, build/liblastack_core.a"
	@echo "make demo     the main job in one go: Lastack against the kernel's TCP, no root needed"
	@echo "make test     every check and test, with and without sanitizers (under 10 minutes)"
	@echo "make campaign SEEDS=1..100000, MENU=mixed: simulations; by default seeds of the day"
	@echo "make tables   the tables of results in tests/sim/tables/; TABLES='fair' for some"
	@echo "make lab-docs docs/lab.md, its Chinese sister and their pictures, written by the experiments"
	@echo "make bench    the benchmarks; NAMES='pair-bulk tun' for some"
	@echo "make tidy     layout, include table, sizes: what must hold before a commit"
	@echo "make lint     static analysis with clang-tidy"
	@echo "make fuzz     the fuzz targets, in build/fuzz/fuzz/"
	@echo "make install  PREFIX=$(PREFIX), DESTDIR= for packagers"
	@echo "make clean    removes build/"
	@echo "BUILD=DIR builds in DIR instead of build/."
