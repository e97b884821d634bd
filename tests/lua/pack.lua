-- string.pack, unpack and packsize.

local function hex(s)
	return (s:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end
local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	local ok = r[1]
	for i = 1, r.n do
		local v = r[i]
		r[i] = ok and type(v) == "string" and hex(v) or v ~= v and "nan" or tostring(v)
	end
	return table.concat(r, " ", 1, r.n)
end

for _, f in ipairs({ "b", "B", "h", "H", "i", "I", "l", "L", "j", "J", "T", "i1", "i2", "i3", "i7", "i8", "i9", "i16", "I1", "I3", "I8", "I16", "i0", "i17", "i" .. ("9"):rep(30) }) do
	for _, order in ipairs({ "<", ">", "=", "!8<", "" }) do
		local line = {}
		for _, n in ipairs({ 0, 1, -1, 127, 128, -128, -129, 255, 256, 65535, 1 << 31, math.maxinteger, math.mininteger, 3.0 }) do
			local ok, s = pcall(string.pack, order .. f, n)
			if ok then
				line[#line + 1] = hex(s) .. "=" .. try(string.unpack, order .. f, s)
			else
				line[#line + 1] = s
			end
		end
		print(order .. f, try(string.packsize, order .. f), table.concat(line, " "))
	end
end
for _, f in ipairs({ "<f", ">f", "<d", ">d", "<n", ">n" }) do
	for _, n in ipairs({ 0.0, -0.0, 1.5, -1e300, 1e-40, math.huge, -math.huge, 7, "2.5" }) do
		local s = string.pack(f, n)
		print(f, n, hex(s), try(string.unpack, f, s))
	end
end
for _, f in ipairs({ "z", "s", "s1", "s2", "s4", ">s2", "c5", "c0", "c" }) do
	for _, s in ipairs({ "", "abc", "a\0b", ("x"):rep(300), "hello" }) do
		local ok, p = pcall(string.pack, f, s)
		if ok then
			print(f, #s, #p, hex(p:sub(1, 12)), select("#", string.unpack(f, p)), select(2, string.unpack(f, p)))
		else
			print(f, #s, p)
		end
	end
end
print(hex(string.pack("<!4 b i4 h xx Xi8 b", 1, 2, 3, 4)), string.packsize("<!4 b i4 h xx Xi8 b"), hex(string.pack("<!2 b d b", 1, 2, 3)), hex(string.pack(">!16 b j b Xj", 1, 2, 3)))
print(try(string.pack, "!3 i4", 1), try(string.pack, "!16 Xi5", 1), try(string.pack, "X", 1), try(string.pack, "Xz", 1), try(string.pack, "!17", 1), try(string.pack, "y", 1))
print(try(string.unpack, "<i4", "abc"), try(string.unpack, "<i4", "abcd", 2), try(string.unpack, "<i4", "abcdefgh", 5), try(string.unpack, "<i4", "abcdefgh", -4), try(string.unpack, "z", "no end"))
print(try(string.unpack, "<b", "abc", 0), try(string.unpack, "<b", "abc", 4), try(string.unpack, "", "abc", 4), try(string.unpack, "", "abc", 5), try(string.unpack, "<b", "abc", -4))
print(try(string.unpack, "<i16", ("\xff"):rep(16)), try(string.unpack, "<I16", ("\xff"):rep(16)), try(string.unpack, "<i9", ("\xff"):rep(8) .. "\0"), try(string.unpack, "<i9", ("\xff"):rep(8) .. "\x01"), try(string.unpack, "<I9", ("\x80"):rep(8) .. "\0"))
print(try(string.packsize, "s"), try(string.packsize, "z"), try(string.packsize, "i4 i4 c100000"), try(string.packsize, "c2147483647c2147483647"), try(string.pack, "c3", "abcd"), try(string.pack, "s1", ("x"):rep(256)), try(string.pack, "z", "a\0"))
print(try(string.pack, "i4"), try(string.pack, "i4", "x"), try(string.pack, "i4", 1.5), try(string.pack, "d", {}), try(string.unpack, "s1", "\5abc"), try(string.unpack, "c10", "abc"))
print(string.unpack("<i2 >i2 =i2 z s1", "\1\0\0\1\1\0end\0\3abc"))
