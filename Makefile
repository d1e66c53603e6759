# SPDX-License-Identifier: Apache-2.0
# make            install missing packages, build the tools
# make demo       a platform and a device on this machine: ten reports, then three over DTLS
# make test       the whole test suite
# make test-small  the tests of a device's parts again, built with SMALL as in make agent
# make broker     the plugin with which nbiot simulate --mqtt runs mosquitto; installs mosquitto and mosquitto-dev
# make consumers  builds programs of another package, each with a single product of this one
# make peers      install the peers of the interoperability tests; tests of missing peers are skipped
# make house      the imports of each target, row by row; fails on one, on a clock or random generator, and on an option
#                 in a library's text that Tests/House/rules.txt does not allow
# make lint       the same, and formatting, documentation comments, undeclared imports and the licence's line in each
#                 source file, which packaging/spdx.sh writes
# make check-docs  checks the links in all pages, the make targets that they name, and the picture in README.md
# make docs       pages of DocC for the libraries, in .build-docs/site; fails on a warning
# make picture    draws docs/demo.svg, the README's picture, of what make demo prints
# make shellcheck  checks all shell scripts
# make examples   builds the programs in examples/, as a package and a C program of another's; make test runs them
# make benchmarks  builds what make bench runs
# make conformance  checks that each requirement in docs/conformance has code and a test; prints a table
# make embedded   tiers 0 to 2 without the Swift runtime; tier 0 for armv7em, proved free of allocations
# make allocations  counts heap allocations per report after the first, with valgrind, and per message of the platform
#                 after the first hundred: must be 0
# make optimised  `nbiot` by the optimiser, which make install needs, and which refuses what no other build does
# make waiting    the CPU time of a device that waits a minute for a silent server
# make energy-check  the radio model of nbiot estimate against published measurements; WRITE=1 writes the table of
#                 docs/energy.md. And the ledger against what a router sees, byte by byte, as root
# make sanitize   the DTLS tests under the address sanitizer, handshakes under valgrind
# make bench      compares the codec with a floor in C and libcoap, measures a report, and compares a DTLS
#                 handshake with openssl s_client, reports over MQTT and a day on the wire with mosquitto_pub
#                 and mosquitto_sub, and one report over each transport: one table each; the day takes three
#                 minutes
# make agent      nbiot-agent for x86_64 Linux in .build-agent: small, in Embedded Swift; with and without DTLS;
#                 LEDGER=1: larger, and counts its bytes by purpose
# make agent-mqtt, make agent-https  the same over MQTT, nbiot-agent-mqtt, and over HTTPS, nbiot-agent-https
# make agent-gateway  the same for a gateway, nbiot-gateway
# make backlog    lines that wait together, into an agent whose syncs take 3 ms: lines a second, and syncs
# make agent-aarch64, make agent-armv7, make agent-mqtt-aarch64, make agent-mqtt-armv7
#                 the same for these machines (Debian's arm64 and armhf)
# make install    builds nbiot with the Swift runtime in it, the agents, the C library, man pages and completions, and
#                 installs them: PREFIX=/usr/local DESTDIR=; make uninstall removes them
# make deb        Debian packages of the same in .build-deb; make deb-aarch64, make deb-armv7: agents and C library
# make try-deb    installs, uses and purges them in a Debian 12 without Swift
# make release    sources, agents, packages, recipes and checksums in .build-release, of what deb, deb-aarch64 and
#                 deb-armv7 build; make try-release runs its recipes, builds a C program
#                 for each machine by pkg-config, and builds all that again from a clean start
#                 and compares: equal
# make library    libnbiot-device.a, libnbiot-device-mqtt.a and libnbiot-device-https.a for programs in C, with their
#                 header and an example each
# make try-agent  tests all nine agents end to end against the simulator, other machines' under qemu,
#                 and the programs in C
# make torture KILLS=1000  kills the agent at random instants, under loss and with failing writes
# make fuzz SECONDS=60  runs each fuzzer of Tests/Fuzzing that long, under the address sanitizer

SHELL := /bin/bash
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
INSTALL = $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy
STRICT := --explicit-target-dependency-import-check error
# SwiftPM writes the options of traits in the order of a set, which differs from run to run, and builds all of this
# package again when it does.
SWIFT := SWIFT_DETERMINISTIC_HASHING=1 swift
# A device program: without the Swift runtime and unused code.
DEVICE := -c release --traits Embedded --scratch-path .build-embedded -Xlinker --gc-sections \
  -Xswiftc -Xfrontend -Xswiftc -function-sections
TIER0 := ConstrainedCore TrafficLedger CoAPMessage PayloadCoding SecurityLayer MQTTLayer HTTPSLayer CoAPExchange Platform PlatformCoAP PlatformMQTT PlatformHTTPS Alink Tier0Proof

.PHONY: all deps deps-mqtt deps-agent deps-broker broker peers consumers build demo test test-small lint house conformance deps-python embedded allocations waiting energy-check sanitize bench benchmarks backlog check-docs docs picture shellcheck examples deps-valgrind \
  agent agent-mqtt agent-https agent-gateway agent-aarch64 agent-armv7 agent-mqtt-aarch64 agent-mqtt-armv7 library to-install install uninstall deb deb-aarch64 deb-armv7 try-deb release release-ready try-release try-agent optimised torture fuzz clean

all: build

deps:
	@command -v swift >/dev/null || { echo "swift 6.3 or later is missing: https://www.swift.org/install" >&2; exit 1; }
	@missing=; \
	command -v pkg-config >/dev/null || missing=" pkg-config"; \
	pkg-config --exists openssl 2>/dev/null || missing="$$missing libssl-dev"; \
	pkg-config --exists libcbor 2>/dev/null || missing="$$missing libcbor-dev"; \
	pkg-config --exists libpcap 2>/dev/null || missing="$$missing libpcap-dev"; \
	pkg-config --exists libcurl 2>/dev/null || missing="$$missing libcurl4-openssl-dev"; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(INSTALL) $$missing; \
	fi

# What counts allocations and instructions.
deps-valgrind: deps
	@command -v valgrind >/dev/null || { echo "installing valgrind"; $(INSTALL) valgrind; }

# What the MQTT channel is built against.
deps-mqtt: deps
	@[ -r /usr/include/MQTTAsync.h ] || { echo "installing libpaho-mqtt-dev"; $(INSTALL) libpaho-mqtt-dev; }

# mosquitto for the simulator's MQTT side, and its headers for the plugin.
deps-broker:
	@packaging/install-broker.sh

broker: deps-broker
	$(SWIFT) build $(STRICT) --product nbiot-broker

build: deps-mqtt
	$(SWIFT) build $(STRICT)

demo: deps-mqtt
	$(SWIFT) run $(STRICT) nbiot-demo
	@echo
	$(SWIFT) run $(STRICT) nbiot-demo dtls 3

peers:
	@Tests/InteroperabilityTests/set-up.sh || echo "the tests of the missing peers will be skipped" >&2

test: deps-mqtt peers
	@packaging/install-broker.sh --tests
	@Tests/run.sh $(STRICT)

consumers: deps-mqtt
	$(SWIFT) build $(STRICT) --package-path Tests/Consumers --scratch-path .build-consumers

# Skips tests of functions that a small build leaves out (docs/architecture.md), and long ones that would not differ.
SMALL_TESTS := CoAPMessageTests CoAPExchangeTests PlatformTests CoAPLinkTests DeviceStoreTests AgentTests
test-small: deps
	NBIOT_TESTS='$(SMALL_TESTS)' swift test $(STRICT) --scratch-path .build-small -Xswiftc -DSMALL -Xswiftc -DSMALL_REPORTS \
	  --experimental-maximum-parallelization-width 64 --skip 'RegistrationTests|AnswerBlocksTests|ThingModelTests|LongRunTests'

lint: house
	@packaging/version.sh --check
	@packaging/spdx.sh --check
	swift format lint --strict --recursive Package.swift Sources Tests Benchmarks examples

house: deps-python
	@python3 -B Tests/House/test_house.py --quiet
	@python3 -B Tests/House/house.py

# The picture is that of nbiot demo, which prints what nbiot-demo does.
check-docs: deps-python
	@python3 -B Tests/House/docs.py
	@[ ! -x .build/debug/nbiot ] || packaging/picture.py --check .build/debug/nbiot demo

docs: build
	@packaging/docs.sh

picture: deps-python deps-mqtt
	$(SWIFT) build $(STRICT) --product nbiot-demo
	packaging/picture.py .build/debug/nbiot-demo

shellcheck:
	@command -v shellcheck >/dev/null || { echo "installing shellcheck"; $(INSTALL) shellcheck; }
	git ls-files '*.sh' .ci/run 'Tests/SnippetTests/stand-ins/*' | xargs shellcheck

examples: deps-mqtt library
	$(SWIFT) build --package-path examples --scratch-path .build-examples
	$(MAKE) -C examples/sensor-c

deps-python:
	@command -v python3 >/dev/null || { echo "installing python3"; $(INSTALL) python3; }

conformance: deps-python
	@tried=$$(python3 -B -m unittest discover -q -s Tests/Conformance -p 'test_*.py' 2>&1) || { echo "$$tried"; exit 1; }
	@python3 -B Tests/Conformance/check.py

# With -no-allocations any heap allocation is a compile error. Tier0Proof uses the other targets' generic code with
# concrete types; otherwise it would not be compiled at all.
embedded: deps-mqtt
	@for target in $(TIER0); do \
	  echo "armv7em, no allocations: $$target"; \
	  $(SWIFT) build $(STRICT) --target $$target --triple armv7em-none-none-eabi -c release --traits Embedded \
	    --scratch-path .build-armv7em -Xswiftc -wmo -Xswiftc -no-allocations || exit 1; \
	done
	@echo "x86_64, no allocations: all of tier 0, through Tier0Proof"
	$(SWIFT) build $(STRICT) --target Tier0Proof -c release --traits Embedded --scratch-path .build-proof \
	  -Xswiftc -wmo -Xswiftc -no-allocations
	@echo "x86_64 Linux, tiers 0 to 2: device-probe"
	$(SWIFT) build $(STRICT) --product device-probe $(DEVICE)
	@echo "x86_64 Linux, tiers 0 to 2 with DTLS: dtls-probe"
	$(SWIFT) build $(STRICT) --product dtls-probe $(DEVICE)
	@echo "x86_64 Linux, tiers 0 to 2 with the thing model in JSON and CBOR: things-probe"
	$(SWIFT) build $(STRICT) --product things-probe $(DEVICE)
	@for probe in device-probe dtls-probe things-probe; do \
	  strip -o .build-embedded/$$probe .build-embedded/release/$$probe && size .build-embedded/$$probe || exit 1; \
	done

allocations: deps-valgrind embedded build library
	$(SWIFT) build $(STRICT) --product ordinary-probe -c release
	Tests/ProbeDevice/allocations.sh .build-embedded/release/device-probe
	Tests/ProbeDevice/allocations.sh .build/release/ordinary-probe
	Tests/ProbeDevice/allocations.sh .build-embedded/release/things-probe
	Tests/ProbeDevice/allocations.sh .build/release/ordinary-probe symmetric things
	Tests/ProbeDevice/allocations.sh .build-embedded/release/dtls-probe certificate
	Tests/ProbeDevice/allocations.sh .build-embedded/release/dtls-probe psk
	Tests/ProbeDevice/allocations.sh .build/release/ordinary-probe certificate dtls
	@packaging/install-broker.sh --tests
	Tests/ProbeDevice/downlinks.sh .build-agent/x86_64-mqtt-library

# What make install installs, by the optimiser, which may refuse what an ordinary build takes; the rest of its build is the
# same. The modules that the probes need are there already.
optimised: deps-mqtt
	$(SWIFT) build $(STRICT) --product nbiot -c release

waiting: embedded build
	Tests/ProbeDevice/waiting.sh .build-embedded/release/dtls-probe 60

energy-check: deps-mqtt
	$(if $(WRITE),NBIOT_WRITE_DOCS=1) swift test $(STRICT) --filter EnergyCheckTests
	NBIOT_LEDGER_WIRE=1 swift test $(STRICT) --skip-build --filter LedgerWireTests

# Leaks are left to valgrind: those that the address sanitizer reports here are XCTest's and Foundation's.
sanitize: deps-mqtt deps-valgrind
	ASAN_OPTIONS=detect_leaks=0 swift test $(STRICT) --sanitize=address --scratch-path .build-sanitize \
	  --filter 'DTLS|Channel|SecureClient|CoAPLinkTests.CoAPLinkTests|HostileAnswer'
	$(SWIFT) build $(STRICT) -c release --product dtls-exercise
	valgrind --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=1 .build/release/dtls-exercise 300

# The libraries and tools with which agents for other machines are built and tested. Nothing of those machines is
# installed: their libraries are unpacked in .build-agent (packaging/sysroot.sh).
deps-agent: deps
	@missing=; \
	command -v readelf >/dev/null || missing=binutils; \
	command -v python3 >/dev/null || missing="$$missing python3"; \
	[ -x /usr/bin/time ] || missing="$$missing time"; \
	command -v qemu-aarch64 >/dev/null && command -v qemu-arm >/dev/null || missing="$$missing qemu-user"; \
	[ -r /usr/share/keyrings/debian-archive-keyring.gpg ] || missing="$$missing debian-archive-keyring"; \
	if [ -n "$$missing" ]; then \
	  echo "installing $$missing"; \
	  $(INSTALL) --no-install-recommends $$missing; \
	fi
	@packaging/sysroot.sh aarch64
	@packaging/sysroot.sh armv7

agent: deps
	@packaging/build-agent.sh x86_64 $(if $(LEDGER),--ledger)
	@packaging/build-agent.sh x86_64 --symmetric-only $(if $(LEDGER),--ledger)

agent-mqtt: deps-mqtt
	@packaging/build-agent.sh x86_64 --mqtt

agent-https: deps
	@packaging/build-agent.sh x86_64 --https

agent-gateway: deps-mqtt
	@packaging/build-agent.sh x86_64 --gateway

agent-mqtt-aarch64 agent-mqtt-armv7: deps-agent
	@packaging/build-agent.sh $(@:agent-mqtt-%=%) --mqtt

agent-aarch64 agent-armv7: deps-agent
	@packaging/build-agent.sh $(@:agent-%=%) $(if $(LEDGER),--ledger)
	@packaging/build-agent.sh $(@:agent-%=%) --symmetric-only $(if $(LEDGER),--ledger)

# Without the Swift runtime's libraries: it is linked in, what nothing calls left out.
PREFIX := /usr/local
# Bytes; packaging/sizes.txt has the limits of the agents.
NBIOT_LIMIT := 30000000
STATIC := --scratch-path .build-static -c release --static-swift-stdlib -Xlinker --gc-sections -Xlinker -s
to-install: deps-mqtt deps-broker deps-python agent agent-mqtt agent-https agent-gateway library
	$(SWIFT) build $(STRICT) $(STATIC) --product nbiot
	@size=$$(stat -c %s .build-static/release/nbiot); echo "nbiot: $$size bytes"; [ "$$size" -le $(NBIOT_LIMIT) ] || { \
	  echo "nbiot may have $(NBIOT_LIMIT) bytes: what uses Foundation beyond FoundationEssentials (docs/architecture.md)?" >&2; exit 1; }
	$(SWIFT) build $(STRICT) $(STATIC) --product generate-manual
	@rm -f .build-install/complete && mkdir -p .build-install/completions
	@cp .build-static/release/nbiot .build-install/
	@# Without SwiftPM's search path, and without Swift's library, which it has no use for.
	@cc -std=c11 -O2 -Wall -Wextra -Werror -shared -fPIC -Wl,-z,relro -Wl,-z,now -s -ISources/BrokerPlugin/include \
	  -o .build-install/libnbiot-broker.so Sources/BrokerPlugin/*.c
	@rm -rf .build-install/man .build-install/generated && mkdir .build-install/generated
	@.build-static/release/generate-manual .build-install/nbiot --multi-page --output-directory .build-install/generated
	@# Their day is the commit's, so that a release is the same from every clone.
	@SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null)} \
	  packaging/man.py .build-install/generated "$$(cat VERSION)" .build-install/man
	@.build-install/nbiot --generate-completion-script bash | sed '1{/^#!/d}' > .build-install/completions/nbiot.bash
	@.build-install/nbiot --generate-completion-script zsh > .build-install/completions/_nbiot
	@.build-install/nbiot --generate-completion-script fish > .build-install/completions/nbiot.fish
	@touch .build-install/complete

# Builds unless that was done, to its end, since the last change.
install:
	@[ -e .build-install/complete ] && \
	  [ -z "$$(find Sources packaging Package.swift VERSION -newer .build-install/complete -print -quit)" ] || \
	  $(MAKE) --no-print-directory to-install
	@packaging/install.sh "$(PREFIX)" "$(DESTDIR)"

# Debian's packages of the same in .build-deb; make deb-aarch64 and deb-armv7: the agents and the C library.
deb: to-install
	@command -v dh >/dev/null || { echo "installing debhelper"; $(INSTALL) --no-install-recommends debhelper; }
	@packaging/deb.sh

deb-aarch64 deb-armv7: to-install deps-agent
	@for kind in "" --symmetric-only --mqtt --library "--mqtt --library"; do packaging/build-agent.sh $(@:deb-%=%) $$kind || exit 1; done
	@packaging/deb.sh $(@:deb-%=%)

# In a fresh Debian 12 without Swift; needs root.
try-deb: deb
	@missing=; for tool in debootstrap lintian; do command -v $$tool >/dev/null || missing="$$missing $$tool"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; $(INSTALL) --no-install-recommends $$missing; fi
	@$(SUDO) packaging/try-deb.sh

# Before anything is built: a release is of a commit.
release-ready:
	@packaging/release.sh --check

release: release-ready deb deb-aarch64 deb-armv7
	@packaging/release.sh

# Agents, libraries and packages are built again; nbiot, which takes longest, is not.
try-release: release
	packaging/try-recipes.sh
	packaging/try-pkg-config.sh
	rm -rf .build-agent/x86_64* .build-agent/aarch64* .build-agent/armv7* .build-deb
	$(MAKE) deb deb-aarch64 deb-armv7
	@packaging/release.sh .build-release-again
	diff .build-release/SHA256SUMS .build-release-again/SHA256SUMS
	@echo "built twice, equal"

uninstall:
	@packaging/install.sh --uninstall "$(PREFIX)" "$(DESTDIR)"

library: deps-mqtt
	@packaging/build-agent.sh x86_64 --library
	@packaging/build-agent.sh x86_64 --mqtt --library
	@packaging/build-agent.sh x86_64 --https --library

try-agent: deps-broker build broker agent agent-mqtt agent-aarch64 agent-armv7 agent-mqtt-aarch64 agent-mqtt-armv7 library
	packaging/try-agent.sh x86_64 x86_64-symmetric x86_64-mqtt \
	  aarch64 aarch64-symmetric aarch64-mqtt armv7 armv7-symmetric armv7-mqtt
	packaging/try-library.sh

KILLS := 1000
torture: deps-mqtt agent agent-mqtt agent-https agent-gateway
	@packaging/install-broker.sh --tests
	$(SWIFT) build $(STRICT) --build-tests
	NBIOT_KILLS=$(KILLS) NBIOT_AGENT=$$PWD/.build-agent/x86_64/nbiot-agent \
	  NBIOT_AGENT_MQTT=$$PWD/.build-agent/x86_64-mqtt/nbiot-agent-mqtt \
	  NBIOT_AGENT_HTTPS=$$PWD/.build-agent/x86_64-https/nbiot-agent-https \
	  NBIOT_GATEWAY=$$PWD/.build-agent/x86_64-gateway/nbiot-gateway \
	  NBIOT_BROKER_KILLS=$$(($(KILLS) / 10)) swift test --skip-build --filter "KillTests|DurableMQTTTests"
	NBIOT_SUB_DEVICES=1500 swift test --skip-build --filter "GatewayLinkTests|SubDeviceKillTests.*many"

SECONDS := 60
fuzz: deps deps-python
	Tests/Fuzzing/run.sh $(SECONDS)

bench: deps-mqtt deps-broker deps-valgrind benchmarks
	@command -v python3 >/dev/null && command -v openssl >/dev/null || { \
	  echo "installing python3 openssl"; $(INSTALL) python3 openssl; }
	$(SWIFT) build $(STRICT) --product device-probe $(DEVICE)
	$(SWIFT) build $(STRICT) --product ordinary-probe -c release
	$(SWIFT) build $(STRICT) --product ordinary-probe -c release --scratch-path .build-specialised \
	  -Xswiftc -cross-module-optimization
	Benchmarks/race.sh
	@echo
	@Benchmarks/report.sh "Embedded, as on a module" .build-embedded/release/device-probe \
	  "ordinary, -Xswiftc -cross-module-optimization" .build-specialised/release/ordinary-probe \
	  "ordinary" .build/release/ordinary-probe
	@echo
	@Benchmarks/handshakes.sh
	@command -v mosquitto_pub >/dev/null || { echo "installing mosquitto-clients"; $(INSTALL) mosquitto-clients; }
	$(SWIFT) build $(STRICT) --product mqtt-throughput -c release
	@echo
	@Benchmarks/throughput.sh .build/release/mqtt-throughput
	$(SWIFT) build $(STRICT) --product nbiot-agent-mqtt -c release
	$(SWIFT) build $(STRICT) --product nbiot
	$(SWIFT) build $(STRICT) --product nbiot-broker
	@echo
	@Benchmarks/transports.py .build/debug/nbiot
	@echo
	@Benchmarks/day.py .build/release/nbiot-agent-mqtt
	$(SWIFT) build $(STRICT) --product nbiot -c release
	@echo
	@Benchmarks/servers.py .build/release/nbiot Benchmarks/.build/release/libcoap-server

benchmarks: deps-mqtt
	@pkg-config --exists libcoap-3-notls 2>/dev/null || { echo "installing libcoap3-dev"; $(INSTALL) libcoap3-dev; }
	$(SWIFT) build -c release --package-path Benchmarks

backlog: build agent
	Benchmarks/backlog.sh .build-agent/x86_64-symmetric/nbiot-agent .build/debug/nbiot

clean:
	rm -rf .build .build-docs .build-examples .build-release .build-release-again .build-agent .build-static .build-install .build-deb .build-consumers .build-armv7em .build-proof .build-embedded .build-small .build-peers .build-fuzz .build-sanitize .build-specialised Benchmarks/.build
