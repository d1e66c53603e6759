#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs the recipes of a release for each architecture whose agents it has:
#   try-recipes.sh [DIRECTORY]
# DIRECTORY is .build-release unless said. The parts of OpenWrt, Buildroot and BitBake that the recipes use are stand-ins
# of a few lines, with make, sh and Python as there; what they fetch, compare, unpack and install is real. An archive
# with one byte changed has to be refused by each. With BITBAKE_PYTHON, a Python that has BitBake's modules
# (pip install bitbake-setup), BitBake itself reads Yocto's recipe, fetches, unpacks and installs; its classes are empty.
set -euo pipefail
cd "$(dirname "$0")/.."

release=$(realpath "${1:-.build-release}") version=$(cat VERSION)
fail() {
  echo "try-recipes.sh: $1" >&2
  exit 1
}
[ -d "$release/recipes" ] || fail "there are no recipes in $release: make release"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# unpacked FILE DIRECTORY CHECKSUM LOG: what the systems' fetchers do before a recipe is asked.
cat > "$work/fetch" <<'END'
#!/bin/sh -e
[ "$(sha256sum < "$1" | cut -d' ' -f1)" = "$2" ] || { echo "checksum of $1" >&2; exit 3; }
END
chmod 755 "$work/fetch"

# OpenWrt: rules.mk and include/package.mk.
mkdir -p "$work/openwrt/include"
cat > "$work/openwrt/rules.mk" <<'END'
INCLUDE_DIR := $(TOPDIR)/include
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_CONF := install -m0600
INSTALL_DATA := install -m0644
END
cat > "$work/openwrt/include/package.mk" <<'END'
define BuildPackage
$(eval $(Package/$(1)))
$(foreach field,SECTION CATEGORY TITLE DEPENDS,$(if $($(field)),,$(error $(1) has no $(field))))
$(foreach name,VERSION RELEASE LICENSE LICENSE_FILES SOURCE SOURCE_URL HASH,$(if $(PKG_$(name)),,$(error no PKG_$(name))))
$(if $(Package/$(1)/description),,$(error no description))
all:
	$(FETCH) $(patsubst file://%,%,$(PKG_SOURCE_URL))/$(PKG_SOURCE) $(PKG_HASH)
	mkdir -p $(PKG_BUILD_DIR)
	tar -C $(PKG_BUILD_DIR)/.. -xzf $(patsubst file://%,%,$(PKG_SOURCE_URL))/$(PKG_SOURCE)
	test -d $(PKG_BUILD_DIR)
	cd $(PKG_BUILD_DIR) && ls $(PKG_LICENSE_FILES)
	$(call Build/Configure)
	$(call Build/Compile)
	$(call Package/$(1)/install,$(OUT))
endef
END

# Buildroot: generic-package, as its manual describes it.
cat > "$work/buildroot.mk" <<'END'
INSTALL := install
define generic-package
$(foreach name,VERSION SITE LICENSE LICENSE_FILES DEPENDENCIES,$(if $(NBIOT_AGENT_$(name)),,$(error no NBIOT_AGENT_$(name))))
all:
	$(FETCH) $(patsubst file://%,%,$(NBIOT_AGENT_SITE))/$(NBIOT_AGENT_SOURCE) $(call sum,$(NBIOT_AGENT_SOURCE))
	mkdir -p $(BUILD)
	tar --strip-components=1 -C $(BUILD) -xzf $(patsubst file://%,%,$(NBIOT_AGENT_SITE))/$(NBIOT_AGENT_SOURCE)
	$(FETCH) $(BUILD)/$(NBIOT_AGENT_LICENSE_FILES) $(call sum,$(NBIOT_AGENT_LICENSE_FILES))
	$$(MAKE) -f $(BUILDROOT) $(BUILD)/installed
	@echo "$(strip $(NBIOT_AGENT_USERS))" | grep -qx -- '- - nbiot -1 - - - - -'
$(BUILD)/installed:
	$$(NBIOT_AGENT_INSTALL_TARGET_CMDS)
	$$(NBIOT_AGENT_INSTALL_INIT_SYSTEMD)
endef
sum = $(shell sed -n 's/^sha256  \([0-9a-f]*\)  $(1)$$/\1/p' $(NBIOT_AGENT_PKGDIR)/nbiot-agent.hash)
BUILDROOT := $(lastword $(MAKEFILE_LIST))
include $(NBIOT_AGENT_PKGDIR)/nbiot-agent.mk
END

# BitBake: assignments with overrides, ${VARIABLES}, and the functions, each run as what it is.
cat > "$work/bitbake.py" <<'END'
import hashlib, os, re, subprocess, sys, types

recipe, files, machine, work, out = sys.argv[1:]
text = open(recipe).read()
values = {
    "PN": "nbiot-agent", "WORKDIR": work, "D": out, "bindir": "/usr/bin", "datadir": "/usr/share",
    "systemd_system_unitdir": "/usr/lib/systemd/system", "PV": os.path.basename(recipe)[len("nbiot-agent_"):-len(".bb")],
}
def load(overrides):
    # A later override wins, as in BitBake.
    for override in ["", "${PN}"] + overrides:
        for name, found, value in re.findall(
            r'^([A-Za-z_0-9]+)(?:\[[a-z0-9]+\])?((?::[^ ]+)?) (?:\?\?=|\+=|=) "(.*)"$', text, re.M
        ):
            if found[1:] == override:
                values[name] = value


def get(name):
    def expand(text):
        return re.sub(r"\$\{([A-Za-z_]+)\}", lambda found: expand(values[found.group(1)]), text)
    return expand(values[name])


data = types.SimpleNamespace(getVar=get)


def fatal(message):
    sys.exit(message)


def contains(variable, words, then, otherwise, _):
    return then if set(words.split()) <= set(get(variable).split()) else otherwise


fetch = lambda uris, _: types.SimpleNamespace(
    localpath=lambda uri: os.path.join(files, uri[len("file://"):])
)
bb = types.SimpleNamespace(
    fatal=fatal, fetch2=types.SimpleNamespace(Fetch=fetch),
    utils=types.SimpleNamespace(
        contains=contains, sha256_file=lambda path: hashlib.sha256(open(path, "rb").read()).hexdigest()
    ),
)
# Which hosts it takes.
glibc, musl = {
    "aarch64": ("aarch64-poky-linux", "aarch64-poky-linux-musl"),
    "arm": ("arm-poky-linux-gnueabi", "arm-poky-linux-musleabi"),
    "x86-64": ("x86_64-poky-linux", "x86_64-poky-linux-musl"),
}[machine]
for host, features, libc, takes in [
    (musl, "callconvention-hard", ["libc-musl"], False), (glibc, "", [], machine != "arm"),
    (glibc, "callconvention-hard", [], True),
]:
    load([machine] + libc)
    values["TUNE_FEATURES"] = features
    allowed = re.sub(
        r"\$\{@(.*)\}$", lambda found: eval(found.group(1), {"bb": bb, "d": data}), values["COMPATIBLE_HOST"]
    )
    if (re.match(allowed, host) is not None) != takes:
        sys.exit("COMPATIBLE_HOST %s, host %s with '%s'" % (allowed, host, features))
for body in re.findall(r"^python nbiot_compare\(\) \{\n(.*?)^\}", text, re.M | re.S):
    exec("def compare():\n" + body + "compare()", {"bb": bb, "d": data})
uri = get("SRC_URI")
subprocess.run(["tar", "-C", work, "-xzf", os.path.join(files, uri[len("file://"):])], check=True)
path, digest = re.fullmatch(r"file://(.*);md5=(.*)", get("LIC_FILES_CHKSUM")).groups()
if hashlib.md5(open(os.path.join(get("S"), path), "rb").read()).hexdigest() != digest:
    sys.exit("LIC_FILES_CHKSUM is another file's")
body = re.search(r"^do_install\(\) \{\n(.*?)^\}", text, re.M | re.S).group(1)
body = re.sub(r"\$\{([A-Za-z_]+)\}", lambda found: get(found.group(1)), body)
subprocess.run(["sh", "-euc", body], check=True)
for name in ("SUMMARY", "LICENSE", "RDEPENDS", "SYSTEMD_SERVICE", "GROUPADD_PARAM", "FILES"):
    get(name)
END

# BitBake's own parser, fetcher and functions, where they are there.
mkdir -p "$work/layer/classes"
touch "$work/layer/classes/base.bbclass" "$work/layer/classes/systemd.bbclass" "$work/layer/classes/useradd.bbclass"
cat > "$work/real-bitbake.py" <<'END'
import importlib.util, os, sys, types

# What the package leaves out: servers, and a comparison of signatures.
if importlib.util.find_spec("hashserv") is None:
    for name in ("hashserv", "hashserv.client", "simplediff", "prserv"):
        sys.modules[name] = types.ModuleType(name)
import bb, bb.build, bb.data, bb.fetch2, bb.parse

recipe, files, machine, work, out, layer = sys.argv[1:]
data = bb.data.init()
for name, value in {
    "BBPATH": layer, "PN": "nbiot-agent", "PV": os.path.basename(recipe)[len("nbiot-agent_"):-len(".bb")],
    "TOPDIR": work, "TMPDIR": work, "WORKDIR": work + "/work", "UNPACKDIR": work + "/work/sources", "T": work + "/log",
    "D": out, "B": "${S}", "bindir": "/usr/bin", "datadir": "/usr/share",
    "systemd_system_unitdir": "/usr/lib/systemd/system", "DL_DIR": work + "/downloads", "FILESPATH": files,
    "PERSISTENT_DIR": work + "/cache", "CACHE": work + "/cache", "BB_NO_NETWORK": "1",
    "OVERRIDES": "linux:%s:${PN}" % machine, "TUNE_FEATURES": "callconvention-hard", "__bbclasstype": "recipe",
}.items():
    data.setVar(name, value)
for directory in ("work/sources", "log", "downloads", "cache"):
    os.makedirs(os.path.join(work, directory))
bb.parse.init_parser(data)
data = bb.parse.handle(os.path.abspath(recipe), data)[""]
for name in ("SUMMARY", "LICENSE", "RDEPENDS", "SYSTEMD_SERVICE", "GROUPADD_PARAM", "COMPATIBLE_HOST"):
    if not data.getVar(name):
        sys.exit(name + " is missing")
fetcher = bb.fetch2.Fetch(data.getVar("SRC_URI").split(), data)
fetcher.download()
for function in data.getVarFlag("do_unpack", "prefuncs").split():
    bb.build.exec_func(function, data)
fetcher.unpack(data.getVar("UNPACKDIR"))
uri = bb.fetch2.decodeurl(data.getVar("LIC_FILES_CHKSUM"))
if bb.utils.md5_file(os.path.join(data.getVar("S"), uri[2])) != uri[5]["md5"]:
    sys.exit("LIC_FILES_CHKSUM is another file's")
bb.build.exec_func("do_install", data)
END

# run SYSTEM ARCH FILES OUT: the recipe, with the archives in FILES, installs into OUT.
run() {
  local system=$1 arch=$2 files=$3 out=$4 package=$work/$1-package build=$work/build key
  rm -rf "$package" "$build" "$out"
  mkdir -p "$package" "$build" "$out"
  ln -s "$files" "$package/files"
  case $system in
  openwrt)
    case $arch in armv7) key=CONFIG_arm ;; *) key=CONFIG_$arch ;; esac
    cp "$release/recipes/openwrt.mk" "$package/Makefile"
    make -s -C "$package" TOPDIR="$work/openwrt" BUILD_DIR="$build" FETCH="$work/fetch" OUT="$out" "$key=y"
    ;;
  buildroot)
    case $arch in armv7) key=BR2_arm ;; *) key=BR2_$arch ;; esac
    cp "$release/recipes/nbiot-agent.mk" "$release/recipes/nbiot-agent.hash" "$package/"
    make -s --no-print-directory -C "$work" -f "$work/buildroot.mk" NBIOT_AGENT_PKGDIR="$package" BUILD="$build" \
      FETCH="$work/fetch" TARGET_DIR="$out" "$key=y" "@D=$build"
    ;;
  yocto)
    case $arch in armv7) key=arm ;; x86_64) key=x86-64 ;; *) key=$arch ;; esac
    python3 -B "$work/bitbake.py" "$release/recipes/nbiot-agent_$version.bb" "$package/files" "$key" "$build" "$out"
    ;;
  bitbake)
    case $arch in armv7) key=arm ;; x86_64) key=x86-64 ;; *) key=$arch ;; esac
    "$BITBAKE_PYTHON" -B "$work/real-bitbake.py" "$release/recipes/nbiot-agent_$version.bb" "$package/files" "$key" "$build" \
      "$out" "$work/layer"
    ;;
  esac
}

# Words that Buildroot's menu understands, as many ends as beginnings.
grep -q '^config BR2_PACKAGE_NBIOT_AGENT$' "$release/recipes/Config.in" || fail "Config.in has no option"
! grep -rn '@[A-Z0-9_]*@' "$release/recipes" || fail "a recipe has a placeholder that was not filled in"
grep -rq 'not-in-this-release' "$release/recipes" && fail "a checksum is missing: build the agents of all architectures"

systems=(openwrt buildroot yocto ${BITBAKE_PYTHON:+bitbake})
tried=0
for arch in x86_64 aarch64 armv7; do
  archive=nbiot-agents-$version-$arch.tar.gz
  [ -e "$release/$archive" ] || fail "$archive is missing"
  mkdir -p "$work/files-$arch" "$work/changed-$arch"
  cp "$release/$archive" "$work/files-$arch/"
  { cat "$release/$archive"; printf x; } > "$work/changed-$arch/$archive"
  case $arch in x86_64) machine="Advanced Micro Devices X86-64" ;; aarch64) machine=AArch64 ;; armv7) machine=ARM ;; esac
  for system in "${systems[@]}"; do
    out=$work/out
    run "$system" $arch "$work/files-$arch" "$out" > "$work/log" 2>&1 || { cat "$work/log" >&2; fail "$system, $arch"; }
    expected="/usr/bin/nbiot-agent 755 /usr/share/nbiot-agent/nbiot-agent.conf 644"
    [ "$system" = openwrt ] || expected="/usr/bin/nbiot-agent 755 /usr/lib/systemd/system/nbiot-agent.service 644 /usr/share/nbiot-agent/nbiot-agent.conf 644"
    found=$(cd "$out" && find . -type f -printf '/%P %m\n' | LC_ALL=C sort | xargs)
    [ "$found" = "$expected" ] || fail "$system, $arch: installs $found"
    readelf -h "$out/usr/bin/nbiot-agent" 2>/dev/null | grep -q "Machine: *$machine$" || fail "$system, $arch: another machine's agent"
    # What the recipes' dependencies bring.
    needs=$(readelf -d "$out/usr/bin/nbiot-agent" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
      grep -vxE 'libc\.so\.6|ld-linux.*|libcbor\.so\.0\.8|libcrypto\.so\.3|libssl\.so\.3' || true)
    [ -z "$needs" ] || fail "$system, $arch: the agent needs $needs"
    [ $arch != x86_64 ] || "$out/usr/bin/nbiot-agent" --version | grep -qx "nbiot-agent $version" ||
      fail "$system: not nbiot-agent $version"
    if run "$system" $arch "$work/changed-$arch" "$out" > "$work/log" 2>&1; then fail "$system, $arch: takes a changed archive"; fi
    grep -q checksum "$work/log" || { cat "$work/log" >&2; fail "$system, $arch: refuses for another reason"; }
    tried=$((tried + 1))
  done
  echo "  ok      $arch: ${systems[*]}"
done
echo "$tried recipes run; each refuses a changed archive"
