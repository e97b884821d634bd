-- string.format: every conversion with every flag, its limits and its errors.

local function try(...)
	local ok, r = pcall(string.format, ...)
	return (ok and "[" .. r .. "]" or "! " .. r:gsub("0x%x%x%x%x%x%x+", "ADDRESS"))
end

local flags = { "", "-", "0", "+", " ", "#", "-0", "+ ", "-+", "0+", "#0", "-#", "+-0 #" }
local sizes = { "", "1", "5", "12", "99", ".0", ".3", ".14", ".99", "10.4", "99.99", ".", "100", ".100", "5." }
local numbers = { 0, 1, -1, 42, math.maxinteger, math.mininteger, 3.0, -0.0 }
local floats = { 0.0, -0.0, 1.5, -1.5, 1e100, 1e-100, 2 ^ 53, math.huge, -math.huge, 0.1, 123456.789, 5e-324, 7 }
for _, c in ipairs({ "d", "i", "u", "x", "X", "o", "c" }) do
	for _, f in ipairs(flags) do
		for _, z in ipairs(sizes) do
			local line = {}
			for _, n in ipairs(numbers) do
				line[#line + 1] = c == "c" and try("%" .. f .. z .. c, n & 0x7f) or try("%" .. f .. z .. c, n)
			end
			print(f .. z .. c, table.concat(line, " "))
		end
	end
end
for _, c in ipairs({ "e", "E", "f", "F", "g", "G", "a", "A" }) do
	for _, f in ipairs(flags) do
		for _, z in ipairs({ "", "12", ".0", ".3", ".17", "10.4", "99.99" }) do
			local line = {}
			for _, n in ipairs(floats) do
				line[#line + 1] = try("%" .. f .. z .. c, n)
			end
			print(f .. z .. c, table.concat(line, " "))
		end
	end
end
for _, f in ipairs({ "s", "10s", "-10s", ".2s", "10.2s", "-10.2s", "05s", "+s", ".0s", "#s", "100s", ".100s" }) do
	print(f, try("%" .. f, "hello"), try("%" .. f, ""), try("%" .. f, 12), try("%" .. f, 1.5), try("%" .. f, nil), try("%" .. f, true),
		try("%" .. f, ("x"):rep(120)), try("%" .. f, "a\0b"))
end
for _, v in ipairs({ "plain", 'q"u\\o\nte\r\0\0011\t\200', "", 1, -1, math.mininteger, math.maxinteger, 1.5, 0.1, 1e100, -0.0, 2 ^ 63, math.huge, -math.huge,
	true, false }) do
	local q = string.format("%q", v)
	print(q, load("return " .. q)() == v)
end
print(string.format("%q", nil), string.format("%q", 0 / 0), try("%q", {}), try("%q", print), try("%5q", "x"), try("%.3q", "x"))
print(try("%d", 1.5), try("%d", "10"), try("%d", "1.5"), try("%d", "x"), try("%d", {}), try("%d"), try("%x", 2 ^ 53), try("%x", -1.0), try("%c", 65, 66))
print(try("%5.2f %s %%", 3.14159, "x"), try("%"), try("abc%"), try("%y", 1), try("%1$d", 1), try("% d", 5), try("%-5d|", 3), try("%+.3d", 7), try("%ld", 5))
print(try("%s %s", 1), try("%d %d", 1, "2"), try("", 1, 2), try("%%"), try("%5%"), try("%s", setmetatable({}, { __tostring = function() return "obj" end })),
	try("%s", setmetatable({}, { __tostring = function() return {} end })), try("%10s|", setmetatable({}, { __tostring = function() return "obj" end })))
print(try("%i", 3), try("%i", "3"), try("%s", ("x"):rep(1000)):len(), try("%.20s", "short"), try("%99.99f", 1 / 3), try("%.99f", 1e15 / 7))
print((string.format("%p", {}):gsub("0x%x+", "ADDRESS")), string.format("%p", 1), string.format("%p", nil), string.format("%p", true),
	string.format("%p", "short") == string.format("%p", "sh" .. "ort"), (string.format("%20p", print):gsub("%s+0x%x+", "PADDED")), try("%.3p", 1))
print(try("%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s%s", 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20))
print(try("%0000005d", 5), try("%-----5d|", 5), try("%010.5d", 42), try("%+5c", 65), try("%#o", 8), try("%#x", 255), try("%#.3g", 1.0), try("%a", 1), try("%.3a", 0.1))
print(#string.format("%99.99f", -1e308), string.format("%.3f", 2 / 3), string.format("%g", 1e20), string.format("%g", 100000), string.format("%g", 1000000))
print(string.format("%-20s|%20s|", "left", "right"), string.format("%.14g", 0.1), string.format("%.17g", 0.1), string.format("%5s%5s", "a", "b"))
