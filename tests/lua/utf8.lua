-- The utf8 library, and UTF-8 in source text.

local function try(f, ...) local r = table.pack(pcall(f, ...)) for i = 1, r.n do r[i] = tostring(r[i]) end return table.concat(r, " ", 1, r.n) end
local function hex(s) return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)) end
for _, c in ipairs({ 0, 0x41, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd800, 0xdfff, 0xe000, 0xffff, 0x10000, 0x10ffff, 0x110000, 0x1fffff, 0x200000, 0x3ffffff, 0x4000000, 0x7fffffff }) do
	local s = utf8.char(c)
	print(c, hex(s), try(utf8.codepoint, s), try(utf8.codepoint, s, 1, 1, true), try(utf8.len, s), try(utf8.len, s, 1, -1, true), s:match(utf8.charpattern) == s)
end
print(try(utf8.char), try(utf8.char, -1), try(utf8.char, 0x80000000), try(utf8.char, "65", 66.0), try(utf8.char, 1.5), hex(utf8.char(72, 228, 8364, 128512)), #utf8.charpattern)
local s = "aé€😀z"
print(#s, utf8.len(s), try(utf8.codepoint, s, 1, -1), try(utf8.len, s, 3), try(utf8.len, s, 2, 3), try(utf8.len, s, -1), try(utf8.len, s, 100), try(utf8.len, s, 12), try(utf8.len, s, 1, 100), try(utf8.len, s, 0), try(utf8.len, "", 1), try(utf8.len, "", 2))
for i = -6, 6 do print(i, try(utf8.offset, s, i), try(utf8.offset, s, i, 4), try(utf8.offset, s, i, 3), try(utf8.offset, s, i, #s + 1), try(utf8.offset, s, i, 100)) end
for p, c in utf8.codes(s) do io.write(p, ":", c, " ") end print()
for _, bad in ipairs({ "\x80", "\xff", "\xc3", "\xc3\x28", "\xe2\x82", "\xf0\x9f\x98", "\xc0\x80", "\xe0\x80\x80", "\xf8\x88\x80\x80\x80", "\xed\xa0\x80", "ok\xffbad", "\xf4\x90\x80\x80", "\xfe", "a\xe4b", "é\x80" }) do
	print(hex(bad), try(utf8.len, bad), try(utf8.codepoint, bad, 1, -1), try(utf8.codepoint, bad, 1, -1, true), try(function() local out = {} for p, c in utf8.codes(bad) do out[#out + 1] = p .. "=" .. c end return table.concat(out, ",") end), try(function() local n = 0 for p, c in utf8.codes(bad, true) do n = n + c end return n end), try(utf8.len, bad, 1, -1, true))
end
print(try(utf8.codepoint, s, 100), try(utf8.codepoint, s, 0), try(utf8.codepoint, s, 2, 1), try(utf8.codepoint, ""), try(utf8.codepoint, s, 3), try(utf8.codes), try(utf8.codepoint, "x", 1, 2), try(utf8.len, 5), try(utf8.len, {}))
local big = s:rep(1000) local n, sum = 0, 0 for p, c in utf8.codes(big) do n = n + 1 sum = sum + p * c & 0xffffffff end print(n, sum, utf8.len(big), utf8.offset(big, 2500), utf8.codepoint(big, utf8.offset(big, 2500))) print(select("#", utf8.codepoint(s:rep(20), 1, -1)), try(utf8.codepoint, s:rep(300000), 1, -1))
for c in s:gmatch(utf8.charpattern) do io.write(#c, " ") end print(("äöü"):upper() == "äöü", "\u{e4}" == "ä", "日本" < "日本語", ("x"):rep(3, "€"), ("naïve"):len(), ("naïve"):find("ï"), ("€"):byte(1, -1)) print(utf8.char(utf8.codepoint(s, 1, -1)) == s, string.format("%-8s|%5.3s|", "é", "éé"), ("é"):reverse() ~= "é")
