/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - jitlua, the command: what lua5.4 does, with its options and messages,
 * and options of its own, which begin with -j.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lualib.h>

#include <jitlua/jitlua.h>

#include "introspect.h"
#include "run.h"

/* Elsewhere hot code could only be run by the interpreter of its operations, slower. */
#ifdef __x86_64__
#define HAS_COMPILER true
#else
#define HAS_COMPILER false
#endif

struct options {
	int script;		 /* index of the script's name in argv; argc: there is none */
	const char *bad;	 /* the option that cannot be */
	bool interactive;	 /* -i */
	bool version;		 /* -v, -i */
	bool executes;		 /* -e */
	bool no_environment;	 /* -E */
	bool jit;		 /* not -joff */
	bool wants_jit;		 /* said so */
	bool introspects;	 /* -jv and the like, which imply it */
	bool jit_help;		 /* -jhelp */
	bool operations_help;	 /* -jhelp=operations */
	const char *bad_command; /* of -j */
};

/* ---- Options ------------------------------------------------------------------------------- */

static const struct {
	const char *name, *text;
} jit_commands[] = {
	{"on", "compile hot loops and functions (the default on x86-64)"},
	{"off", "interpret everything"},
	{"help", "print this list"},
	{"help=operations", "print the operations that traces are made of"},
};

#define JIT_COMMANDS (sizeof jit_commands / sizeof *jit_commands)

static bool is_jit_command(const char *name)
{
	for (size_t i = 0; i < JIT_COMMANDS; i++)
		if (!strcmp(name, jit_commands[i].name))
			return true;
	return false;
}

/* These take an argument, in the same word or the next. */
static bool takes_argument(char letter)
{
	return letter == 'e' || letter == 'l' || letter == 'j';
}

static const char *option_argument(char **argv, int *i)
{
	return argv[*i][2] ? argv[*i] + 2 : argv[++*i];
}

/* Notes one option; false if it is not one. */
static bool parse_option(struct options *o, char **argv, int *i)
{
	const char *option = argv[*i];

	if (takes_argument(option[1])) {
		const char *argument = option_argument(argv, i);

		if (!argument || (argument == argv[*i] && argument[0] == '-'))
			return false;
		o->executes |= option[1] == 'e';
		if (option[1] != 'j')
			return true;
		o->jit_help |= !strcmp(argument, "help");
		o->operations_help |= !strcmp(argument, "help=operations");
		if (!strcmp(argument, "on") || !strcmp(argument, "off"))
			o->jit = o->wants_jit = !strcmp(argument, "on");
		if (is_introspection(argument))
			o->introspects = o->jit = o->wants_jit = true;
		if (is_jit_command(argument) || strchr(argument, '=') || is_introspection(argument))
			return true;
		o->bad_command = argument;
		return false;
	}
	if (!option[1] || option[2])
		return false;
	switch (option[1]) {
	case 'E':
		o->no_environment = true;
		return true;
	case 'i':
		o->interactive = true;
		o->version = true;
		return true;
	case 'v':
		o->version = true;
		return true;
	case 'W':
		return true;
	default:
		return false;
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	int i = argc > 0 ? 1 : 0;

	for (; i < argc; i++) {
		int word = i;

		if (argv[i][0] != '-' || !strcmp(argv[i], "-"))
			break;
		if (!strcmp(argv[i], "--")) {
			i++;
			break;
		}
		if (!parse_option(o, argv, &i)) {
			o->bad = argv[word];
			i = word;
			break;
		}
	}
	o->script = i;
}

static const char usage_text[] = "usage: %s [options] [script [args]]\n"
				 "Available options are:\n"
				 "  -e stat   execute string 'stat'\n"
				 "  -i        enter interactive mode after executing 'script'\n"
				 "  -l mod    require library 'mod' into global 'mod'\n"
				 "  -l g=mod  require library 'mod' into global 'g'\n"
				 "  -v        show version information\n"
				 "  -E        ignore environment variables\n"
				 "  -W        turn warnings on\n"
				 "  -j cmd    control the compiler ('-j help' lists commands)\n"
				 "  --        stop handling options\n"
				 "  -         stop handling options and execute stdin\n";

static const char examples_text[] =
	"  --help    show this text\n"
	"  --version show the version of jitlua\n"
	"\n"
	"Examples:\n"
	"  jitlua prog.lua a b       run prog.lua, its arguments in `arg` and `...`\n"
	"  jitlua -e 'print(2^53)'   run a statement\n"
	"  jitlua -l lpeg            load a module, then read a program from stdin\n"
	"  jitlua -i                 talk to it\n"
	"  jitlua -joff prog.lua     run prog.lua by the interpreter alone\n"
	"  jitlua -jv prog.lua       say what is compiled, and what is not, where and why\n"
	"  jitlua -jdump=+ps,out.txt prog.lua\n"
	"                            bytecode, operations after each pass, machine code\n"
	"  jitlua -jperf prog.lua    compiled loops have names in perf and bpftrace\n"
	"\n"
	"The language is Lua 5.4; the manual page is jitlua(1).\n";

static bool is_parameter(const char *name)
{
	const char *known;

	for (unsigned i = 0; (known = jitlua_parameter(i, NULL)); i++)
		if (!strcmp(name, known))
			return true;
	return !strcmp(name, "enable_opts");
}

static void print_usage(const struct options *o)
{
	const char *bad = o->bad;

	fprintf(stderr, "%s: ", program_name);
	if (o->bad_command && is_parameter(o->bad_command))
		fprintf(stderr, "'-j%s' needs a value: -j%s=VALUE\n", o->bad_command,
			o->bad_command);
	else if (o->bad_command)
		fprintf(stderr, "unrecognized command '%s' of option '-j'\n", o->bad_command);
	else if (takes_argument(bad[1]) && !bad[2])
		fprintf(stderr, "'%s' needs argument\n", bad);
	else
		fprintf(stderr, "unrecognized option '%s'\n", bad);
	fprintf(stderr, usage_text, program_name);
	fflush(stderr);
}

static void print_version(void)
{
	puts(LUA_COPYRIGHT);
	fflush(stdout);
}

static void print_jit_commands(void)
{
	puts("Commands of -j are:");
	for (size_t i = 0; i < JIT_COMMANDS; i++)
		printf("  -j%-20s %s\n", jit_commands[i].name, jit_commands[i].text);
	print_introspection();
	puts("  -jNAME=VALUE,...       set parameters; they are, with their defaults");
	for (unsigned i = 0; jitlua_parameter(i, NULL); i++) {
		long long value;
		const char *name = jitlua_parameter(i, &value);

		printf("     %-20s %-6lld  %s\n", name, value, jitlua_parameter_text(i));
	}
	puts("     enable_opts          all     parts of the optimizer, as intbounds:rewrite:pure");
}

static void print_operations(void)
{
	const char *name, *arguments, *kind;
	char type;

	puts("Operations and their types; i: integer, f: float, r: object or address, v: none,\n"
	     "?: any of these, *: any number of them");
	for (unsigned i = 0; (name = jitlua_operation(i, &arguments, &type, &kind)); i++) {
		char list[40] = "";

		for (const char *a = arguments; *a; a++)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%c",
				 a > arguments ? ", " : "", *a);
		printf("  %c = %s(%s)%*s%s\n", type, name, list,
		       (int)(*kind ? 32 - strlen(name) - strlen(list) : 0), "", kind);
	}
}

/* What is only asked for, alone on the command line. Returns false if it is not that. */
static bool print_and_exit(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		printf(usage_text, program_name);
		fputs(examples_text, stdout);
		return true;
	}
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		printf("jitlua %s, %s\n", JITSCOPE_VERSION, LUA_COPYRIGHT);
		return true;
	}
	return false;
}

/* ---- Running ----------------------------------------------------------------------------------
 */

/* `arg`: the script's name at 0, its arguments above, what is before it below. */
static void set_arg(lua_State *L, int argc, char **argv, int script)
{
	int narguments;

	if (script == argc)
		script = 0;
	narguments = argc - (script + 1);
	lua_createtable(L, narguments > 0 ? narguments : 0, script + 1);
	for (int i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i - script);
	}
	lua_setglobal(L, "arg");
}

static bool run_environment(lua_State *L)
{
	const char *name = "=LUA_INIT_" LUA_VERSION_MAJOR "_" LUA_VERSION_MINOR;
	const char *text = getenv(name + 1);

	if (!text) {
		name = "=LUA_INIT";
		text = getenv(name + 1);
	}
	if (!text)
		return true;
	return text[0] == '@' ? run_file(L, text + 1) : run_string(L, text, name);
}

/* The options that run something, in their order. */
static bool run_options(lua_State *L, char **argv, int end)
{
	for (int i = 1; i < end; i++) {
		char letter = argv[i][1];
		const char *argument;

		if (letter == 'W')
			lua_warning(L, "@on", 0);
		if (!takes_argument(letter))
			continue;
		argument = option_argument(argv, &i);
		if (letter == 'e' && !run_string(L, argument, "=(command line)"))
			return false;
		if (letter == 'l' && !run_library(L, argument))
			return false;
	}
	return true;
}

/* -j name=value; false: an error was reported. */
static bool set_parameters(lua_State *L, char **argv, int end)
{
	for (int i = 1; i < end; i++) {
		char letter = argv[i][1];
		const char *argument, *wrong;

		if (!takes_argument(letter))
			continue;
		argument = option_argument(argv, &i);
		if (letter != 'j' || is_introspection(argument) || !strchr(argument, '='))
			continue;
		wrong = jitlua_set_param(L, argument);
		if (wrong) {
			fprintf(stderr, "%s: -j %s: %s\n", program_name, argument, wrong);
			return false;
		}
	}
	return true;
}

/* Those that show what the JIT does. */
static bool start_introspection(lua_State *L, char **argv, int end)
{
	for (int i = 1; i < end; i++) {
		char letter = argv[i][1];
		const char *argument = takes_argument(letter) ? option_argument(argv, &i) : NULL;

		if (letter == 'j' && is_introspection(argument) && !introspect(L, argument))
			return false;
	}
	return true;
}

static void run_standard_input(lua_State *L)
{
	if (isatty(STDIN_FILENO)) {
		print_version();
		run_interactive(L);
	} else {
		run_file(L, NULL);
	}
}

/* "-" is the standard input, but "-- -" a file of that name. */
static const char *script_file(char **argv, int script)
{
	if (!strcmp(argv[script], "-") && strcmp(argv[script - 1], "--") != 0)
		return NULL;
	return argv[script];
}

/* Protected: argc, argv. Returns true if all went well; errors were reported. */
static int run(lua_State *L)
{
	int argc = (int)lua_tointeger(L, 1);
	char **argv = lua_touserdata(L, 2);
	struct options o = {.jit = HAS_COMPILER};

	parse(&o, argc, argv);
	luaL_checkversion(L);
	if (o.bad) {
		print_usage(&o);
		return 0;
	}
	if (o.jit_help) {
		print_jit_commands();
		lua_pushboolean(L, 1);
		return 1;
	}
	if (o.operations_help) {
		print_operations();
		lua_pushboolean(L, 1);
		return 1;
	}
	if (!set_parameters(L, argv, o.script))
		return 0;
	if (o.jit && !jitlua_start_jit(L) && o.wants_jit)
		return luaL_error(L, "cannot start the JIT: not enough memory");
	if (o.jit && o.introspects && !start_introspection(L, argv, o.script))
		return 0;
	if (o.version)
		print_version();
	if (o.no_environment) {
		/* The package library asks for it. */
		lua_pushboolean(L, 1);
		lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV");
	}
	luaL_openlibs(L);
	jitlua_preload(L);
	set_arg(L, argc, argv, o.script);
	lua_gc(L, LUA_GCRESTART);
	lua_gc(L, LUA_GCGEN, 0, 0);
	if (!o.no_environment && !run_environment(L))
		return 0;
	if (!run_options(L, argv, o.script))
		return 0;
	if (o.script < argc && !run_script(L, script_file(argv, o.script)))
		return 0;
	if (o.interactive)
		run_interactive(L);
	else if (o.script == argc && !o.executes && !o.version)
		run_standard_input(L);
	lua_pushboolean(L, 1);
	return 1;
}

int main(int argc, char **argv)
{
	lua_State *L;
	bool ok;

	if (argc > 0 && argv[0][0])
		program_name = argv[0];
	if (print_and_exit(argc, argv))
		return fflush(stdout) || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
	L = luaL_newstate();
	if (!L) {
		say("cannot create state: not enough memory");
		return EXIT_FAILURE;
	}
	/* Nothing is to be collected while the libraries are opened. */
	lua_gc(L, LUA_GCSTOP);
	lua_pushcfunction(L, run);
	lua_pushinteger(L, argc);
	lua_pushlightuserdata(L, argv);
	ok = report(L, lua_pcall(L, 2, 1, 0)) && lua_toboolean(L, -1);
	lua_close(L);
	return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
