/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notes.c - what an ELF file says of probes and of the region.
 *
 * SystemTap notes (section .note.stapsdt, owner "stapsdt", type 3) hold three
 * addresses (the site, the section .stapsdt.base as it was linked, and the
 * semaphore) and three strings (provider, name, arguments). If .stapsdt.base
 * lies elsewhere now than the note says, the file was prelinked and the other
 * addresses move by the difference. Our own note gives the anchor (abi.h).
 *
 * The file may be anything: it belongs to whoever runs the process. So it is
 * read, not mapped (a mapped file that shrinks is a SIGBUS), every length is
 * checked here or by libelf, and all there is to gain for a liar is a probe at
 * an offset of his own file.
 */
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../bpf/spec.h"
#include "internal.h"

#define MAX_SITES 64 /* ours has 8; each costs time to detach before Linux 6.6 */
#define MAX_SECTIONS 8192
#define MAX_SEGMENTS 256
#define MAX_SECTION (16u << 20) /* bytes of notes, and of names, that are read */

#define X(name, probe) #probe,
static const char *const probe_names[] = {JIT_PROBES(X)};
#undef X

struct file {
	int fd;
	Elf *elf;
	GElf_Half machine;
	GElf_Phdr segments[MAX_SEGMENTS];
	size_t n_segments;
	uint64_t base; /* address of .stapsdt.base, 0 if there is none */
};

/* ---- Probe arguments ---------------------------------------------------------- */

/* Registers of x86-64 by all their names, with their place in pt_regs. */
static const struct {
	const char *names[4];
	uint16_t offset;
} x86_registers[] = {
	{{"r15", "r15d", "r15w", "r15b"}, 0},  {{"r14", "r14d", "r14w", "r14b"}, 8},
	{{"r13", "r13d", "r13w", "r13b"}, 16}, {{"r12", "r12d", "r12w", "r12b"}, 24},
	{{"rbp", "ebp", "bp", "bpl"}, 32},     {{"rbx", "ebx", "bx", "bl"}, 40},
	{{"r11", "r11d", "r11w", "r11b"}, 48}, {{"r10", "r10d", "r10w", "r10b"}, 56},
	{{"r9", "r9d", "r9w", "r9b"}, 64},     {{"r8", "r8d", "r8w", "r8b"}, 72},
	{{"rax", "eax", "ax", "al"}, 80},      {{"rcx", "ecx", "cx", "cl"}, 88},
	{{"rdx", "edx", "dx", "dl"}, 96},      {{"rsi", "esi", "si", "sil"}, 104},
	{{"rdi", "edi", "di", "dil"}, 112},
};

static bool x86_register(const char *name, size_t len, uint16_t *offset)
{
	for (size_t i = 0; i < sizeof(x86_registers) / sizeof(*x86_registers); i++)
		for (size_t j = 0; j < 4; j++) {
			const char *n = x86_registers[i].names[j];

			if (strlen(n) == len && !memcmp(n, name, len)) {
				*offset = x86_registers[i].offset;
				return true;
			}
		}
	return false;
}

/* x0 to x30, or w0 to w30: pt_regs begins with them. */
static bool aarch64_register(const char *name, size_t len, uint16_t *offset)
{
	char *end;
	unsigned long n;

	if (len < 2 || len > 3 || (name[0] != 'x' && name[0] != 'w'))
		return false;
	n = strtoul(name + 1, &end, 10);
	if (end != name + len || n > 30)
		return false;
	*offset = (uint16_t)(8 * n);
	return true;
}

/*
 * One argument, "SIZE@PLACE", as a spec of bpf/spec.h; 0 if it is not in a
 * register or a small constant. *text is left behind the argument.
 */
static uint32_t parse_argument(const char **text, GElf_Half machine)
{
	const char *at = *text + strspn(*text, " ");
	size_t len = strcspn(at, " ");
	const char *end = at + len, *place;
	char *stop;
	uint16_t offset;
	long size, constant;

	*text = end;
	size = strtol(at, &stop, 10);
	if (stop == at || stop >= end || *stop != '@')
		return 0;
	if (size < 0)
		size = -size;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return 0;
	place = stop + 1;
	if (machine == EM_X86_64 && *place == '%' &&
	    x86_register(place + 1, (size_t)(end - place - 1), &offset))
		return SPEC(SPEC_REGISTER, size, offset);
	if (machine == EM_AARCH64 && aarch64_register(place, (size_t)(end - place), &offset))
		return SPEC(SPEC_REGISTER, size, offset);
	constant = strtol(place + (*place == '$'), &stop, 10);
	if (stop == end && stop > place && constant >= INT16_MIN && constant <= INT16_MAX)
		return SPEC(SPEC_CONSTANT, size, constant);
	return 0;
}

/* False if an argument that the BPF program needs is out of its reach. */
static bool parse_arguments(const char *text, uint32_t probe, GElf_Half machine, uint64_t *cookie)
{
	uint32_t first = parse_argument(&text, machine), second = 0;

	if (probe == JIT_PROBE_LOOP_RUN)
		second = parse_argument(&text, machine);
	*cookie = (uint64_t)second << 32 | SPEC_OF_PROBE(probe) | first;
	return first && (second || probe != JIT_PROBE_LOOP_RUN);
}

/* ---- Addresses ------------------------------------------------------------------- */

/* Where in the file an address comes from; false if from nowhere. */
static bool file_offset(const struct file *f, uint64_t addr, uint64_t *offset)
{
	for (size_t i = 0; i < f->n_segments; i++) {
		const GElf_Phdr *s = &f->segments[i];

		if (addr >= s->p_vaddr && addr - s->p_vaddr < s->p_filesz) {
			*offset = addr - s->p_vaddr + s->p_offset;
			return true;
		}
	}
	return false;
}

static bool is_five_byte_nop(int fd, uint64_t offset)
{
	static const unsigned char nop[5] = {0x0f, 0x1f, 0x44, 0x00, 0x00};
	unsigned char code[sizeof(nop)];

	return pread(fd, code, sizeof(code), (off_t)offset) == sizeof(code) &&
	       !memcmp(code, nop, sizeof(nop));
}

/* ---- Notes ------------------------------------------------------------------------ */

static uint64_t word(const char *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

/* The string at *p, which ends before end; NULL if it does not. */
static const char *string(const char **p, const char *end)
{
	const char *s = *p, *zero = s < end ? memchr(s, 0, (size_t)(end - s)) : NULL;

	if (zero)
		*p = zero + 1;
	return zero ? s : NULL;
}

static int add_site(struct notes *out, const struct note_site *site)
{
	struct note_site *sites;

	if (out->n_sites == MAX_SITES)
		return 0;
	for (size_t i = 0; i < out->n_sites; i++)
		if (out->sites[i].offset == site->offset)
			return 0; /* one site, one hit */
	if (out->n_sites % 16 == 0) {
		sites = realloc(out->sites, (out->n_sites + 16) * sizeof(*sites));
		if (!sites)
			return -ENOMEM;
		out->sites = sites;
	}
	out->sites[out->n_sites++] = *site;
	return 0;
}

static int add_bell(struct notes *out, const struct note_site *site)
{
	struct note_site *bell = &out->bells[out->n_bells];

	if (out->n_bells == JIT_BELLS || !site->semaphore)
		return 0;
	out->n_bells++;
	*bell = *site;
	bell->usable = true;
	bell->cookie = SPEC_OF_PROBE(JIT_NPROBES);
	return 0;
}

static int probe_note(struct file *f, const char *desc, size_t size, struct notes *out)
{
	const char *at = desc + 3 * sizeof(uint64_t), *end = desc + size;
	const char *provider, *name, *arguments;
	struct note_site site = {.probe = JIT_NPROBES};
	uint64_t pc, moved, semaphore;
	bool bell;

	if (size < 3 * sizeof(uint64_t))
		return 0;
	provider = string(&at, end);
	name = provider ? string(&at, end) : NULL;
	arguments = name ? string(&at, end) : NULL;
	if (!arguments || strcmp(provider, "jit"))
		return 0;
	for (uint32_t i = 0; i < JIT_NPROBES; i++)
		if (!strcmp(name, probe_names[i]))
			site.probe = i;
	bell = !strcmp(name, JIT_BELL);
	if (site.probe == JIT_NPROBES && !bell)
		return 0;
	moved = f->base ? f->base - word(desc + 8) : 0;
	pc = word(desc) + moved;
	semaphore = word(desc + 16);
	if (!file_offset(f, pc, &site.offset) ||
	    (semaphore && !file_offset(f, semaphore + moved, &site.semaphore)))
		return 0;
	if (bell)
		return add_bell(out, &site);
	site.usable = parse_arguments(arguments, site.probe, f->machine, &site.cookie);
	site.five_byte_nop = f->machine == EM_X86_64 && is_five_byte_nop(f->fd, site.offset);
	return add_site(out, &site);
}

static int one_note(struct file *f, const char *owner, size_t owner_size, GElf_Word type,
		    const char *desc, size_t size, struct notes *out)
{
	if (owner_size == sizeof("stapsdt") && !memcmp(owner, "stapsdt", owner_size) && type == 3)
		return probe_note(f, desc, size, out);
	if (owner_size == sizeof(JIT_NOTE_NAME) && !memcmp(owner, JIT_NOTE_NAME, owner_size) &&
	    type == JIT_NOTE_TYPE && size == sizeof(uint64_t)) {
		out->anchor = word(desc);
		out->has_anchor = true;
	}
	return 0;
}

static int note_section(struct file *f, Elf_Scn *section, struct notes *out)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t at = 0, next, name, desc;
	GElf_Nhdr note;

	if (!data || !data->d_buf)
		return -ENOEXEC;
	while (at < data->d_size && (next = gelf_getnote(data, at, &note, &name, &desc)) > at) {
		const char *buf = data->d_buf;
		int err;

		if (name > data->d_size || note.n_namesz > data->d_size - name ||
		    desc > data->d_size || note.n_descsz > data->d_size - desc)
			return -ENOEXEC;
		err = one_note(f, buf + name, note.n_namesz, note.n_type, buf + desc, note.n_descsz,
			       out);
		if (err)
			return err;
		at = next;
	}
	return at < data->d_size ? -ENOEXEC : 0;
}

/* ---- The file ----------------------------------------------------------------------- */

static GElf_Half this_machine(void)
{
#if defined(__x86_64__)
	return EM_X86_64;
#elif defined(__aarch64__)
	return EM_AARCH64;
#else
	return EM_NONE;
#endif
}

/*
 * Before libelf looks: it makes room for as many sections as the file says,
 * and reads the section of names whole.
 */
static int check_sizes(int fd)
{
	Elf64_Ehdr h;
	Elf64_Shdr names;

	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || memcmp(h.e_ident, ELFMAG, SELFMAG) ||
	    h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
	    h.e_phnum > MAX_SEGMENTS)
		return -ENOEXEC;
	if (!h.e_shoff)
		return -ENOENT; /* no sections, so no notes that we know */
	if (!h.e_shnum || h.e_shnum > MAX_SECTIONS || h.e_shentsize != sizeof(names) ||
	    h.e_shstrndx >= h.e_shnum)
		return -ENOEXEC;
	if (pread(fd, &names, sizeof(names),
		  (off_t)(h.e_shoff + (uint64_t)h.e_shstrndx * sizeof(names))) != sizeof(names) ||
	    names.sh_size > MAX_SECTION)
		return -ENOEXEC;
	return 0;
}

static int read_header(struct file *f, struct notes *out)
{
	GElf_Ehdr header;
	size_t n;

	if (elf_kind(f->elf) != ELF_K_ELF || gelf_getclass(f->elf) != ELFCLASS64 ||
	    !gelf_getehdr(f->elf, &header) || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    header.e_machine != this_machine())
		return -ENOEXEC;
	f->machine = header.e_machine;
	if (elf_getphdrnum(f->elf, &n))
		return -ENOEXEC;
	for (size_t i = 0; i < n && f->n_segments < MAX_SEGMENTS; i++) {
		GElf_Phdr *s = &f->segments[f->n_segments];

		if (!gelf_getphdr(f->elf, (int)i, s))
			return -ENOEXEC;
		if (s->p_type != PT_LOAD)
			continue;
		if (s->p_flags & PF_X && !out->text_addr && !out->text_offset) {
			out->text_addr = s->p_vaddr;
			out->text_offset = s->p_offset;
		}
		f->n_segments++;
	}
	return 0;
}

/* What a section is called, or "" if its name is out of bounds. */
static const char *section_name(Elf *elf, size_t strings, const GElf_Shdr *header)
{
	const char *name = elf_strptr(elf, strings, header->sh_name);

	return name ? name : "";
}

static int read_sections(struct file *f, struct notes *out)
{
	Elf_Scn *section = NULL;
	size_t strings, total = 0;
	GElf_Shdr header;

	if (elf_getshdrstrndx(f->elf, &strings))
		return -ENOEXEC;
	while ((section = elf_nextscn(f->elf, section)))
		if (gelf_getshdr(section, &header) &&
		    !strcmp(section_name(f->elf, strings, &header), ".stapsdt.base"))
			f->base = header.sh_addr;
	while ((section = elf_nextscn(f->elf, section))) {
		const char *name;
		int err;

		if (!gelf_getshdr(section, &header) || header.sh_type != SHT_NOTE)
			continue;
		name = section_name(f->elf, strings, &header);
		if (strcmp(name, ".note.stapsdt") && strcmp(name, JIT_NOTE_SECTION))
			continue;
		total += header.sh_size;
		if (header.sh_size > MAX_SECTION || total > MAX_SECTION)
			return -ENOEXEC;
		err = note_section(f, section, out);
		if (err)
			return err;
	}
	return 0;
}

int jitscope_read_notes(int fd, struct notes *out)
{
	struct file f = {.fd = fd};
	int err;

	memset(out, 0, sizeof(*out));
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOSYS;
	err = check_sizes(fd);
	if (err)
		return err;
	f.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!f.elf)
		return -ENOEXEC;
	err = read_header(&f, out);
	if (!err)
		err = read_sections(&f, out);
	elf_end(f.elf);
	if (!err && !out->n_sites && !out->has_anchor)
		err = -ENOENT;
	if (err)
		jitscope_free_notes(out);
	return err;
}

void jitscope_free_notes(struct notes *notes)
{
	free(notes->sites);
	memset(notes, 0, sizeof(*notes));
}
