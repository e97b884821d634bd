# jitscope: one Makefile for the whole tree. Everything is built under build/.
#
#   make              libraries, adapters, the commands jitscope and jitlua
#   make demo         install what is missing, build, watch a real LuaJIT
#   make check        install what is missing, build, run every test
#   make bench        measure; prints the table of the README
#   make fuzz         fuzz for FUZZ_SECONDS (default 600) per target
#   make install      PREFIX (/usr/local), DESTDIR
#   make deps         install missing Debian packages
#   make jitlua       the Lua interpreter and its library alone
#   make vmlinux      dump the running kernel's types, for development
#   make format       clang-format, in place
#
#   V=1               show the commands
#   SANITIZE=1        address and undefined behaviour sanitizers
#   DEBUG=1           no optimization, for debuggers
#   CC=clang, CROSS=aarch64-linux-gnu-   other compilers

VERSION := 0.1.0
SOVERSION := 1

ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
AR := $(CROSS)ar
LD := $(CROSS)ld
NM := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
FUZZ_SECONDS ?= 600

B := build$(if $(SANITIZE),-sanitize)$(if $(DEBUG),-debug)$(if $(CROSS),-$(patsubst %-,%,$(CROSS)))

# `$(call run,WORD,FILE) COMMAND`: says "  WORD FILE" unless V=1 shows the command.
run = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)';)

# Cross compilers do not look where the build machine has <sys/sdt.h>, which is
# the same for all.
ifdef CROSS
$(shell mkdir -p $(B)/sys; cp $(wildcard /usr/include/sys/sdt*.h /usr/include/*/sys/sdt*.h) $(B)/sys 2>/dev/null)
endif

WARN := -Wall -Wextra -Werror
CFLAGS ?= $(if $(DEBUG),-O0,-O2) -g
ifdef SANITIZE
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
# Without a PLT: a trace calls some twenty functions of other libraries, and each
# stub is a cache line that the VM's compiler has pushed out in between.
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -fPIC -fno-plt -fvisibility=hidden -fno-semantic-interposition $(WARN) $(CFLAGS) \
	-Iinclude -I$(B) -DJITSCOPE_VERSION='"$(VERSION)"' -DJITSCOPE_LIBDIR='"$(LIBDIR)"' -MMD -MP
LDLIBS_OBSERVER := -lbpf -lelf -lz -lpthread

LUA_CFLAGS := $(shell $(PKG_CONFIG) --cflags lua5.4 2>/dev/null)
LUA_ARCHIVE := $(shell $(PKG_CONFIG) --variable=libdir lua5.4 2>/dev/null)/liblua5.4.a
LUA_LIBRARIES := lauxlib lbaselib lcorolib ldblib liolib lmathlib loadlib loslib lstrlib ltablib lutf8lib linit
LUA_FRONT := lapi lcode lctype ldebug ldo ldump lfunc lgc llex lmem lobject lopcodes lparser lstate lstring ltable \
	ltm lundump lvm lzio
# Functions of the libraries that the interpreter knows by their address.
LUA_KNOWN := luaB_next ipairsaux luaB_auxwrap luaB_coresume luaB_pcall luaB_xpcall luaB_error math_floor math_ceil math_sqrt math_abs \
	math_max math_min math_sin math_cos math_tan math_exp math_log math_fmod math_modf math_ult math_toint math_type \
	luaB_type luaB_tostring luaB_tonumber luaB_assert luaB_select luaB_ipairs luaB_pairs \
	luaB_getmetatable luaB_setmetatable luaB_rawequal luaB_rawlen luaB_rawget luaB_rawset str_len str_byte \
	str_sub str_char tinsert tremove tunpack tpack
LDLIBS_LUA := -lm -ldl
# What <jithooks/hooks.h> has for programs: hooks in C on jitlua_vm().
HOOKS_API := jit_set_optimize_hook jit_set_compile_hook jit_set_abort_hook jit_set_trace_too_long_hook \
	jit_hook_error jit_in_hook jit_enable_debug jit_disable_debug jit_set_param jit_releaseall \
	jit_get_stats_asmmemmgr jit_get_stats_snapshot jit_free_stats_snapshot jit_counter_name jit_type_name

# ---- What the tree is made of ------------------------------------------------

HOOKS_SRC := $(wildcard jit/hooks/*.c)
LUA_SRC := $(wildcard jit/lua/*.c jit/trace/*.c $(if $(findstring x86_64,$(shell $(CC) -dumpmachine)),jit/x64/*.c))
JITLUA_SRC := $(wildcard tools/jitlua/*.c)
USER_SRC := $(wildcard user/*.c)
TOOL_SRC := $(wildcard tools/jitscope/*.c)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_LUA_SRC := $(wildcard tests/unit-lua/*.c)
LISTS_SRC := $(wildcard tests/fuzz/lists*.c)
TRACE_TEST_SRC := tests/trace/driver.c $(LISTS_SRC)
PROGRAMS := $(patsubst tests/programs/%.c,$(B)/tests/%,$(wildcard tests/programs/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
PYPY_FILES := $(wildcard jit/adapters/pypy/*.py jit/adapters/pypy/jithooks/*.py)

obj = $(patsubst %.c,$(B)/obj/%.o,$(1))

LIBRARIES := $(B)/libjithooks.a $(B)/libjithooks.so $(B)/libjitscope.a $(B)/libjitscope.so
ADAPTERS := $(B)/adapters/luajit/jithooks.so \
	$(patsubst jit/adapters/%,$(B)/adapters/%,$(PYPY_FILES))

.PHONY: all jitlua demo check unit e2e bench fuzz fuzz-short install uninstall deps vmlinux format tidy clean hooks
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LIBRARIES) $(ADAPTERS) $(B)/jitscope jitlua

# What a JIT links, and the adapters: no libbpf, no BPF compiler needed.
hooks: $(B)/libjithooks.a $(B)/libjithooks.so $(ADAPTERS)

# Other compilers or flags than last time: everything is made again.
FLAGS_NOW := $(CC) $(CLANG) $(ALL_CFLAGS) $(LDLIBS_OBSERVER) $(LUA_CFLAGS) \
	capstone $(shell $(PKG_CONFIG) --modversion capstone 2>/dev/null)
FLAGS := $(B)/flags
$(shell mkdir -p $(B); printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $(FLAGS) || \
	printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $(FLAGS))

$(B)/obj/%.o: %.c Makefile $(FLAGS)
	@mkdir -p $(@D)
	$(call run,CC,$<) $(CC) $(ALL_CFLAGS) $(EXTRA) -c -o $@ $<

# ---- libjithooks: the in-process side -----------------------------------------

$(B)/libjithooks.a: $(call obj,$(HOOKS_SRC))
	@rm -f $@
	$(call run,AR,$@) $(AR) rcs $@ $^

$(B)/libjithooks.so.$(SOVERSION): $(call obj,$(HOOKS_SRC))
	$(call run,LINK,$@) $(CC) $(CFLAGS) -shared -Wl,-Bsymbolic-functions -Wl,-soname,libjithooks.so.$(SOVERSION) -o $@ $^ -lpthread

$(B)/%.so: $(B)/%.so.$(SOVERSION)
	$(call run,LN,$@) ln -sf $(notdir $<) $@

# ---- The adapters --------------------------------------------------------------

# Finds libjithooks from the build tree and from where it is installed.
$(B)/adapters/luajit/jithooks.so: $(call obj,$(wildcard jit/adapters/luajit/*.c)) $(B)/libjithooks.so
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(CFLAGS) -shared -Wl,-soname,jithooks.so -Wl,-rpath,'$$ORIGIN/../..:$$ORIGIN/../../..' \
		-o $@ $(filter %.o,$^) -L$(B) -ljithooks -ldl -lpthread

$(B)/adapters/pypy/%: jit/adapters/pypy/%
	@mkdir -p $(@D)
	$(call run,CP,$@) cp $< $@

# ---- jitlua --------------------------------------------------------------------
#
# Ours is the core. Lua's own are, from liblua5.4.a: the standard libraries, which
# use nothing but lua.h and so run on our core as they are, and the front end: a
# whole Lua under a symbol prefix, which is asked for nothing but to load text and
# to dump it (jit/lua/front.c).

$(call obj,$(LUA_SRC) $(JITLUA_SRC) $(UNIT_LUA_SRC) $(TRACE_TEST_SRC)): EXTRA := $(LUA_CFLAGS) $(if $(DEBUG),-DJITLUA_DEBUG)
$(call obj,$(LUA_SRC) $(JITLUA_SRC) $(UNIT_LUA_SRC) $(TRACE_TEST_SRC)): | $(LUA_ARCHIVE)

$(LUA_ARCHIVE):
	@echo "make: no liblua5.4.a: install liblua5.4-dev (\`make deps\` does)" >&2; exit 1

# luaL_newstate() is ours (jit/lua/newstate.c).
$(B)/lua/libraries.o: $(LUA_ARCHIVE) Makefile $(FLAGS)
	@rm -rf $(@D)/libraries && mkdir -p $(@D)/libraries
	$(call run,EXTRACT,$@) cd $(@D)/libraries && $(AR) x $(abspath $<) $(LUA_LIBRARIES:=.o)
	@$(LD) -r -o $@ $(LUA_LIBRARIES:%=$(@D)/libraries/%.o)
	@$(OBJCOPY) --localize-symbol=luaL_newstate $(LUA_KNOWN:%=--globalize-symbol=%) $@

$(B)/lua/front.o: $(LUA_ARCHIVE) Makefile $(FLAGS)
	@rm -rf $(@D)/front && mkdir -p $(@D)/front
	$(call run,EXTRACT,$@) cd $(@D)/front && $(AR) x $(abspath $<) $(LUA_FRONT:=.o)
	@$(LD) -r -o $@ $(LUA_FRONT:%=$(@D)/front/%.o)
	@$(NM) -g --defined-only $@ | sed 's/.* \(.*\)/\1 front_\1/' > $(@D)/front.names
	@$(OBJCOPY) --redefine-syms=$(@D)/front.names $@

# One object, so that a program that links it sees the API of Lua and nothing else.
$(B)/lua/jitlua.o: $(call obj,$(LUA_SRC) $(HOOKS_SRC)) $(B)/lua/front.o $(B)/lua/libraries.o
	$(call run,LD,$@) $(LD) -r -o $@ $^
	@$(OBJCOPY) --wildcard --keep-global-symbol='lua_*' --keep-global-symbol='luaL_*' \
		--keep-global-symbol='luaopen_*' --keep-global-symbol='jitlua_*' \
		$(HOOKS_API:%=--keep-global-symbol=%) $@

$(B)/libjitlua.a: $(B)/lua/jitlua.o
	@rm -f $@
	$(call run,AR,$@) $(AR) rcs $@ $^

# Modules written in C find the API in the program.
$(B)/jitlua: $(call obj,$(JITLUA_SRC)) $(B)/libjitlua.a tools/jitlua/exports.list
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $(filter %.o %.a,$^) -Wl,--dynamic-list=tools/jitlua/exports.list \
		$(LDLIBS_LUA)

jitlua: $(B)/jitlua $(B)/libjitlua.a

# ---- BPF -----------------------------------------------------------------------

BPF_ARCH := $(if $(findstring aarch64,$(CROSS)$(shell uname -m)),arm64,x86)
$(B)/jitscope.bpf.o: $(wildcard bpf/*.c bpf/*.h) $(wildcard include/*/*.h vmlinux/*.h) Makefile
	@mkdir -p $(@D)
	$(call run,BPF,$@) $(CLANG) -target bpf -mcpu=v3 -O2 -g -D__TARGET_ARCH_$(BPF_ARCH) -Wall -Werror \
		-Iinclude -Ivmlinux -c -o $@.tmp bpf/jitscope.bpf.c
	$(call run,BPF,$@) $(BPFTOOL) gen object $@ $@.tmp
	@rm -f $@.tmp

$(B)/jitscope.skel.h: $(B)/jitscope.bpf.o
	$(call run,SKEL,$@) { echo '/* NOLINTBEGIN */'; $(BPFTOOL) gen skeleton $< name jitscope_bpf; echo '/* NOLINTEND */'; } > $@

# ---- libjitscope and the command -----------------------------------------------

$(call obj,$(USER_SRC)): $(B)/jitscope.skel.h

$(B)/libjitscope.a: $(call obj,$(USER_SRC))
	@rm -f $@
	$(call run,AR,$@) $(AR) rcs $@ $^

$(B)/libjitscope.so.$(SOVERSION): $(call obj,$(USER_SRC))
	$(call run,LINK,$@) $(CC) $(CFLAGS) -shared -Wl,-soname,libjitscope.so.$(SOVERSION) -o $@ $^ $(LDLIBS_OBSERVER)

$(B)/jitscope: $(call obj,$(TOOL_SRC)) $(B)/libjitscope.a
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $^ $(LDLIBS_OBSERVER) -ljansson

# ---- Tests -----------------------------------------------------------------------

# Without its notes nobody finds the probes: the tests attach to them themselves, and a
# session that watches the whole machine is not to.
$(B)/unit: $(call obj,$(UNIT_SRC) tests/unit/main.c tests/unit/observer.c tests/unit/counting.c) $(B)/libjitscope.a $(B)/libjithooks.a
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $^ -lcunit $(LDLIBS_OBSERVER) -ljansson -lpthread
	@$(OBJCOPY) --remove-section=.note.stapsdt $@

# The core's own functions, which libjitlua.a hides.
$(B)/unit-lua: $(call obj,$(UNIT_LUA_SRC) $(LUA_SRC)) $(B)/lua/front.o $(B)/lua/libraries.o $(B)/libjithooks.a
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $^ -lcunit $(LDLIBS_LUA) -lpthread
	@$(OBJCOPY) --remove-section=.note.stapsdt $@

# Lists of operations: golden tests of the passes.
$(B)/trace-tests: $(call obj,tests/trace/driver.c $(LUA_SRC)) $(B)/lua/front.o $(B)/lua/libraries.o $(B)/libjithooks.a
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $^ $(LDLIBS_LUA) -lpthread

$(B)/tests/%: tests/programs/%.c $(B)/libjithooks.a
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(ALL_CFLAGS) -MF $@.d -o $@ $< $(B)/libjithooks.a -lpthread

$(B)/tests/lua_%: tests/programs/lua_%.c $(B)/libjitlua.a
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(ALL_CFLAGS) $(LUA_CFLAGS) -MF $@.d -o $@ $< $(B)/libjitlua.a $(LDLIBS_LUA)

# Lists of operations at random: the optimizer and the backends. Without notes, as
# the unit tests: an observer's wish would make guards fail.
$(B)/fuzz/lists: $(call obj,$(LISTS_SRC) $(LUA_SRC)) $(B)/lua/front.o $(B)/lua/libraries.o \
		$(B)/libjithooks.a
	@mkdir -p $(@D)
	$(call run,LINK,$@) $(CC) $(CFLAGS) -o $@ $^ $(LDLIBS_LUA) -lpthread
	@$(OBJCOPY) --remove-section=.note.stapsdt $@

$(B)/fuzz/%: tests/fuzz/%.c $(wildcard user/*.[ch] include/*/*.h bpf/*.h) $(B)/jitscope.skel.h
	@mkdir -p $(@D)
	$(call run,FUZZ,$@) $(CLANG) -std=gnu11 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I$(B) -Iuser \
		-DJITSCOPE_VERSION='"fuzz"' -DJITSCOPE_LIBDIR='"."' -o $@ $< $(USER_SRC) $(LDLIBS_OBSERVER)

test-programs: all $(B)/unit $(B)/unit-lua $(B)/trace-tests $(PROGRAMS)

check: deps
	@$(MAKE) --no-print-directory test-programs $(if $(SANITIZE),,$(FUZZERS) $(B)/fuzz/lists)
	@BUILD=$(B) tests/run

unit: $(B)/unit $(B)/unit-lua $(B)/trace-tests
	$(B)/unit
	$(B)/unit-lua
	$(B)/trace-tests tests/trace/*.ir

# The seeds are made of what is built.
fuzz: $(FUZZERS) $(B)/fuzz/lists $(LIBRARIES) $(B)/tests/embed $(B)/jitlua
	@BUILD=$(B) tests/fuzz/run $(FUZZ_SECONDS)

bench: deps
	@$(MAKE) --no-print-directory test-programs
	@BUILD=$(B) tests/bench/run

demo:
	@tools/deps build demo
	@$(MAKE) --no-print-directory all
	@BUILD=$(B) tests/demo/run

# ---- Installing ------------------------------------------------------------------

deps:
	@tools/deps

MAN1 := $(wildcard tools/*/man/*.1)
MAN3 := $(wildcard include/man/*.3)

install: all
	install -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(LIBDIR)/jitscope \
		$(INCLUDEDIR)/jithooks $(INCLUDEDIR)/jitscope $(MANDIR)/man1 $(MANDIR)/man3)
	install -m 755 $(B)/jitscope $(B)/jitlua $(DESTDIR)$(BINDIR)/
	install -m 644 $(B)/libjithooks.a $(B)/libjitscope.a $(B)/libjitlua.a $(DESTDIR)$(LIBDIR)/
	for l in jithooks jitscope; do \
		install -m 755 $(B)/lib$$l.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/ && \
		ln -sf lib$$l.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/lib$$l.so || exit 1; done
	install -m 644 include/jithooks/*.h $(DESTDIR)$(INCLUDEDIR)/jithooks/
	install -m 644 include/jitscope/*.h $(DESTDIR)$(INCLUDEDIR)/jitscope/
	install -D -m 644 include/jitlua/jitlua.h $(DESTDIR)$(INCLUDEDIR)/jitlua/jitlua.h
	for f in $(patsubst $(B)/%,%,$(ADAPTERS)); do \
		install -D -m 644 $(B)/$$f $(DESTDIR)$(LIBDIR)/jitscope/$$f || exit 1; done
	for f in include/jithooks/jithooks include/jitscope/jitscope jit/lua/jitlua; do \
		sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
			-e 's|@VERSION@|$(VERSION)|' -e 's|@LUA_CFLAGS@|$(LUA_CFLAGS)|' -e 's|@LUA_LIBS@|$(LDLIBS_LUA)|' \
			$$f.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/$$(basename $$f).pc || exit 1; done
	install -d $(DESTDIR)$(UNITDIR)
	sed -e 's|@BINDIR@|$(BINDIR)|' tools/jitscope/systemd/jitscope.service.in > $(DESTDIR)$(UNITDIR)/jitscope.service
	# PyPy starts faster with its files compiled; without it they are compiled when used.
	[ -n "$(DESTDIR)" ] || ! command -v pypy3 >/dev/null || \
		pypy3 -m compileall -q $(LIBDIR)/jitscope/adapters/pypy || true
	install -m 644 $(MAN1) $(DESTDIR)$(MANDIR)/man1/
	install -m 644 $(MAN3) $(DESTDIR)$(MANDIR)/man3/
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || true

uninstall:
	rm -f $(addprefix $(DESTDIR)$(BINDIR)/,jitscope jitlua) $(addprefix $(DESTDIR)$(LIBDIR)/,libjitlua.a pkgconfig/jitlua.pc \
		$(foreach l,jithooks jitscope,lib$l.a lib$l.so lib$l.so.$(SOVERSION) pkgconfig/$l.pc))
	rm -f $(addprefix $(DESTDIR)$(MANDIR)/man1/,$(notdir $(MAN1))) $(addprefix $(DESTDIR)$(MANDIR)/man3/,$(notdir $(MAN3)))
	rm -f $(DESTDIR)$(UNITDIR)/jitscope.service
	rm -rf $(DESTDIR)$(LIBDIR)/jitscope $(addprefix $(DESTDIR)$(INCLUDEDIR)/,jithooks jitscope jitlua)

vmlinux:
	@mkdir -p build
	$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > build/vmlinux.h
	@echo "build/vmlinux.h: all types of the running kernel, to look things up"

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

tidy:
	git ls-files 'jit/*.c' 'user/*.c' 'tools/*.c' | xargs -I{} clang-tidy --quiet {} -- $(filter-out -MMD -MP -Werror,$(ALL_CFLAGS)) $(LUA_CFLAGS)

clean:
	rm -rf build build-*

-include $(shell find $(B) -name '*.d' 2>/dev/null)
