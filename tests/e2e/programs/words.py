# SPDX-License-Identifier: BSD-2-Clause
"""Words counted, sorted and searched: strings, dicts and regular expressions.

Most of the machine code is bridges, some of it in loops of PyPy itself whose
greenkey is not a place in the source.
"""

import collections
import re
import sys

SYLLABLES = "ka lo mi ru te sha ven dor pel ith an ou gre st".split()


def numbers(seed):
    while True:
        seed = (seed * 1103515245 + 12345) & 0x7fffffff
        yield seed >> 8


def make_text(words, seed=7):
    draw = numbers(seed)
    out = []
    for n in range(words):
        length = 1 + next(draw) % 3
        word = "".join(SYLLABLES[next(draw) % len(SYLLABLES)]
                       for _ in range(length))
        if n % 11 == 0:
            word = word.capitalize()
        if n % 13 == 0:
            word += ","
        elif n % 17 == 0:
            word += ".\n"
        elif n % 29 == 0:
            word = str(next(draw) % 1000)
        out.append(word)
    return " ".join(out)


def count(text):
    found = {}
    for word in text.split():
        word = word.strip(".,").lower()
        if not word:
            continue
        if word.isdigit():
            key = int(word) // 100
        elif len(word) > 8:
            key = word[:8]
        elif word.endswith(("an", "ou")):
            key = (word[:-2], word[-2:])
        else:
            key = word
        found[key] = found.get(key, 0) + 1
    return found


def kinds(found):
    by_kind = collections.defaultdict(list)
    for key, times in found.items():
        by_kind[type(key).__name__].append((times, str(key)))
    for entries in by_kind.values():
        entries.sort(key=lambda e: (-e[0], e[1]))
    return by_kind


def search(text):
    twice = re.compile(r"\b(\w{2,})\1\b")
    names = re.compile(r"[A-Z][a-z]+(?=[ ,.])")
    return (sum(1 for _ in twice.finditer(text)),
            len(names.findall(text)),
            len(re.sub(r"\d+|[aeiou]{2}", lambda m: "<%s>" % m.group(), text)))


def main(words):
    text = make_text(words)
    for kind, entries in sorted(kinds(count(text)).items()):
        times, key = entries[0]
        print("%s: %d, most often %s (%d)" % (kind, len(entries), key, times))
    print("doubled %d, capitalized %d, marked up %d" % search(text))


main(int(sys.argv[1]) if len(sys.argv) > 1 else 800000)
