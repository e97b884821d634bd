/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * format.c - text for people: formatted messages, names of chunks, UTF-8.
 *
 * A text is formatted into a small buffer. One that does not fit, whose length is
 * then known, is formatted again into its string: there is no block of memory that
 * an error could leave behind.
 */

#include "call.h"
#include "debug.h"
#include "luastring.h"
#include "number.h"

/* ---- Formatting ---------------------------------------------------------------------- */

/* Most messages fit. */
#define SMALL_TEXT 200

/* One piece of the text: literal, or what a conversion gave. */
typedef struct piece {
	const char *text;
	size_t length;
	char scratch[NUMBER_TEXT_SIZE]; /* also for a pointer, a character, UTF-8 */
} Piece;

typedef struct formatter {
	const char *format; /* the rest */
	va_list arguments;
	Piece piece;
} Formatter;

static void number_piece(Piece *p, const Value *v)
{
	p->text = p->scratch;
	p->length = number_to_text(v, p->scratch);
}

/* As printf() writes it, in less time: tostring() of a table is in hot loops. */
static void pointer_piece(Piece *p, const void *pointer)
{
	uintptr_t bits = (uintptr_t)pointer;
	char *end = p->scratch + sizeof p->scratch, *first = end;

	if (!bits) {
		p->text = "(nil)";
		p->length = strlen(p->text);
		return;
	}
	for (; bits; bits >>= 4)
		*--first = "0123456789abcdef"[bits & 15];
	*--first = 'x';
	*--first = '0';
	p->text = first;
	p->length = (size_t)(end - first);
}

static void convert(lua_State *L, Formatter *f, char conversion)
{
	Piece *p = &f->piece;
	Value v;

	p->text = p->scratch;
	switch (conversion) {
	case 's':
		p->text = va_arg(f->arguments, const char *);
		if (!p->text)
			p->text = "(null)";
		p->length = strlen(p->text);
		break;
	case 'c':
		p->scratch[0] = (char)va_arg(f->arguments, int);
		p->length = 1;
		break;
	case 'd':
		set_integer(&v, va_arg(f->arguments, int));
		number_piece(p, &v);
		break;
	case 'I':
		set_integer(&v, (lua_Integer)va_arg(f->arguments, LUAI_UACINT));
		number_piece(p, &v);
		break;
	case 'f':
		set_float(&v, (lua_Number)va_arg(f->arguments, LUAI_UACNUMBER));
		number_piece(p, &v);
		break;
	case 'p':
		pointer_piece(p, va_arg(f->arguments, const void *));
		break;
	case 'U':
		p->length = (size_t)utf8_encode(p->scratch, va_arg(f->arguments, unsigned long));
		p->text = p->scratch + UTF8_BUFFER - p->length;
		break;
	case '%':
		p->text = "%";
		p->length = 1;
		break;
	default:
		error_run(L, "invalid conversion '%%%c' to 'lua_pushfstring'", conversion);
	}
}

/* Sets f->piece to the next piece; false at the end. */
static bool next_piece(lua_State *L, Formatter *f)
{
	const char *percent;

	if (!*f->format)
		return false;
	if (*f->format == '%') {
		convert(L, f, f->format[1]);
		f->format += 2;
		return true;
	}
	percent = strchr(f->format, '%');
	f->piece.text = f->format;
	f->piece.length = percent ? (size_t)(percent - f->format) : strlen(f->format);
	f->format += f->piece.length;
	return true;
}

/* Writes what fits into size bytes; returns the whole length. */
static size_t write_pieces(lua_State *L, const char *format, va_list arguments, char *to,
			   size_t size)
{
	Formatter f = {.format = format};
	size_t length = 0;
	bool fits = true;

	va_copy(f.arguments, arguments);
	while (next_piece(L, &f)) {
		fits = fits && f.piece.length <= size - length;
		if (fits)
			memcpy(to + length, f.piece.text, f.piece.length);
		length += f.piece.length;
	}
	va_end(f.arguments);
	return length;
}

const char *push_vformat(lua_State *L, const char *format, va_list arguments)
{
	char text[SMALL_TEXT];
	size_t length = write_pieces(L, format, arguments, text, sizeof(text));
	String *s;

	if (length <= sizeof(text)) {
		s = string_new(L, text, length);
	} else {
		s = string_new_long(L, length);
		write_pieces(L, format, arguments, s->text, length);
	}
	push_object(L, s);
	return s->text;
}

const char *push_format(lua_State *L, const char *format, ...)
{
	const char *text;
	va_list arguments;

	va_start(arguments, format);
	text = push_vformat(L, format, arguments);
	va_end(arguments);
	return text;
}

/* ---- Names of chunks ------------------------------------------------------------------ */

#define ELLIPSIS "..."
#define QUOTE_BEGIN "[string \""
#define QUOTE_END "\"]"
#define LENGTH(literal) (sizeof(literal) - 1)

/* A name that is given as it is ("=name"): its beginning. */
static void literal_name(char *text, const char *name, size_t length)
{
	if (length >= CHUNK_NAME_SIZE)
		length = CHUNK_NAME_SIZE - 1;
	memcpy(text, name, length);
	text[length] = '\0';
}

/* A file's name ("@name"): its end says most. */
static void file_name(char *text, const char *name, size_t length)
{
	const size_t room = CHUNK_NAME_SIZE - 1 - LENGTH(ELLIPSIS);

	if (length < CHUNK_NAME_SIZE) {
		literal_name(text, name, length);
		return;
	}
	memcpy(text, ELLIPSIS, LENGTH(ELLIPSIS));
	memcpy(text + LENGTH(ELLIPSIS), name + length - room, room + 1);
}

/* The chunk itself: its first line, in brackets. */
static void quoted_source(char *text, const char *source, size_t length)
{
	const size_t room =
		CHUNK_NAME_SIZE - LENGTH(QUOTE_BEGIN) - LENGTH(ELLIPSIS) - LENGTH(QUOTE_END) - 1;
	const char *line_end = strchr(source, '\n');
	bool whole = !line_end && length < room;

	if (line_end)
		length = (size_t)(line_end - source);
	if (length > room)
		length = room;
	memcpy(text, QUOTE_BEGIN, LENGTH(QUOTE_BEGIN));
	text += LENGTH(QUOTE_BEGIN);
	memcpy(text, source, length);
	text += length;
	if (!whole) {
		memcpy(text, ELLIPSIS, LENGTH(ELLIPSIS));
		text += LENGTH(ELLIPSIS);
	}
	memcpy(text, QUOTE_END, sizeof(QUOTE_END));
}

void chunk_name(char text[CHUNK_NAME_SIZE], const char *source, size_t length)
{
	if (*source == '=')
		literal_name(text, source + 1, length - 1);
	else if (*source == '@')
		file_name(text, source + 1, length - 1);
	else
		quoted_source(text, source, length);
}

/* ---- UTF-8 ----------------------------------------------------------------------------- */

int utf8_encode(char buffer[UTF8_BUFFER], unsigned long code)
{
	unsigned long first_limit = 0x3f; /* what the first byte can hold yet */
	int n = 1;

	if (code < 0x80) {
		buffer[UTF8_BUFFER - 1] = (char)code;
		return 1;
	}
	do {
		buffer[UTF8_BUFFER - n++] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
		first_limit >>= 1;
	} while (code > first_limit);
	buffer[UTF8_BUFFER - n] = (char)((~first_limit << 1) | code);
	return n;
}
