-- The string library without patterns, format and pack; conversions; methods.

local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	for i = 1, r.n do
		r[i] = tostring(r[i])
	end
	return table.concat(r, " ", 1, r.n)
end

-- sub, byte: every start and end.
local s = "abcdef"
for _, i in ipairs({ 0, 1, 2, 6, 7, 100, -1, -2, -6, -7, -100, math.maxinteger, math.mininteger }) do
	local line = {}
	for _, j in ipairs({ 0, 1, 2, 6, 7, 100, -1, -2, -6, -7, -100, math.maxinteger, math.mininteger }) do
		line[#line + 1] = s:sub(i, j) .. "|" .. table.concat({ s:byte(i, j) }, ",")
	end
	print(i, s:sub(i), s:byte(i), table.concat(line, " "))
end
print(("x"):sub(1.0, "1"), try(("x").sub, "x", 1.5), try(string.sub), try(string.sub, "x", {}), try(string.sub, nil, 1))
print(s:byte(), s:byte(10), #{ s:byte(1, -1) }, ("\0\xff"):byte(1, 2))
print(string.char(), string.char(72, 105, 0, 255) == "Hi\0\xff", try(string.char, 256), try(string.char, -1), try(string.char, "65"))

print(("ab"):rep(3), ("ab"):rep(0), ("ab"):rep(-1), ("ab"):rep(3, ", "), ("ab"):rep(1, "x"), ("a"):rep(3, ""))
print(try(string.rep, "x", 1 << 62), try(string.rep, "x", math.maxinteger, "yy"))
print(("hello"):reverse(), (""):reverse(), ("a\0b"):reverse() == "b\0a")
print(("Hello World 123 é"):upper(), ("Hello World 123 É"):lower(), ("hello"):len(), #"a\0b", ("x"):upper():lower())
for _, v in ipairs({ 12, 1.5, -0.0, 1e15, 2 ^ 63, math.huge, -math.huge, math.mininteger, true, "s" }) do
	print(tostring(v), v == v and #tostring(v))
end
print(tostring(nil), tostring(true), tostring(-0.0), tostring(1e100), tostring(3.0), tostring(3.14159265358979), tostring(0.1 + 0.2))
print(tostring(setmetatable({}, { __tostring = function() return "made" end })),
	try(tostring, setmetatable({}, { __tostring = function() return 1 end })), try(tostring),
	(tostring(setmetatable({}, { __name = "Kind" })):gsub("0x%x+", "ADDRESS")))
print((tostring({}):gsub("0x%x+", "A")), (tostring(print):gsub("builtin.*", "A"):gsub("0x%x+", "A")), (tostring(io.stdout):gsub("0x%x+", "A")))

-- tonumber
for _, v in ipairs({ "10", " 10 ", "10a", "0x10", "0x", "0x1p4", "1e", "1e5", "1e+5", "1e-5", ".5", "5.", ".", "", " ", "0x.8", "0x8.", "inf", "nan",
	"1 2", "1\0", "\t1\n", "--1", "-1", "- 1", "+1", "0x-1", "-0x10", "1e400", "-1e400", "9223372036854775807", "9223372036854775808",
	"-9223372036854775808", "-9223372036854775809", "0xffffffffffffffffff", "0x7fffffffffffffff", "1_000", "1e5.5", "0b1", "00012", "1d", "1f", "0x1g",
	"0x1p", "0x1p+", "1e1e1", ("0"):rep(300) .. "7", "0." .. ("0"):rep(300) .. "7", ("1"):rep(400), "0x" .. ("f"):rep(300), "1" .. (" "):rep(300),
	"0x.1p9999999999", "123456789012345678901234567890" }) do
	local n = tonumber(v)
	print(#v < 40 and v:gsub("[\0\n\t]", "?") or #v, math.type(n), n == n and n and string.format("%.17g", n) or n, n)
end
for _, base in ipairs({ 2, 3, 8, 10, 16, 36 }) do
	local line = {}
	for _, v in ipairs({ "0", "10", "-10", "zz", "7", "8", "ff", "FF", " 11 ", "1.0", "", "-", "--1", "11111111111111111111111111111111111111111111111111111111111111111111", "1 1", "1\0" }) do
		line[#line + 1] = tostring(tonumber(v, base))
	end
	print(base, table.concat(line, " "))
end
print(try(tonumber), try(tonumber, "10", 1), try(tonumber, "10", 37), try(tonumber, 10, 10), tonumber({}), tonumber(nil), tonumber(print), tonumber(true),
	tonumber(5), tonumber(5.5), tonumber("10", 16.0), try(tonumber, "10", 16.5))

-- Numbers in the places of strings and the other way round.
print(1 .. 2, 1.5 .. "", -0.0 .. "", 2 ^ 63 .. "", math.mininteger .. "", "a" .. 1 .. 2.0 .. "b")
print(("5"):rep(2), ("10"):byte(), #tostring(12.0))
print(string.rep(12, 2), string.len(12.5), string.upper(1e15), string.sub(12345, 2, 3), string.reverse(120))
print(math.max("1" + 0, 2), try(math.max, "1", 2), try(math.floor, "3.7"), try(math.floor, "x"), ("0x10" + 0) | 0, "10" // "3", "10" / "4", -"-3", "2" ^ 3)
print(try(function() return "a" + 1 end), try(function() return {} .. "x" end), try(function() return "x" .. nil end), try(function() return -"x" end))
print("10" < "9", try(function() return "10" < 9 end), "10" == 10, ({ [10] = "number" })["10"])
print(("x"):format(), ("%s"):format(1), #("%s"):rep(3))

-- Methods by the metatable of strings.
local meta = getmetatable("")
print(meta.__index == string, meta.__name, ("x").y, try(function() return ("x").y.z end), try(function() return ("x"):nothing() end))
string.twice = function(x) return x .. x end
print(("ab"):twice(), ("5"):twice() + 1)
string.twice = nil
print(try(function() ("x").y = 1 end))
meta.__index = function(str, key) if type(key) == "number" then return str:sub(key, key) end return string[key] end
print(("hello")[2], ("hello"):len(), ("hello")[10])
meta.__index = string
meta.__call = function(str, ...) return str .. table.concat({ ... }, "+") end
print(("f")(1, 2, 3))
meta.__call = nil
meta.__len = function() return "never: strings have a length" end
print(#"abc")
meta.__len = nil
meta.__unm = nil
print(try(function() return -"2" end), try(function() return "2" + "3" end))

-- Concatenation of many, of long and short ones.
local parts = {}
for i = 1, 300 do parts[i] = "('" .. i .. "')" end
local source = "local a, b = 'x', 1.5 return " .. table.concat(parts, " .. a .. ", 1, 60) .. " .. b"
print(load(source)())
local acc = ""
for i = 1, 300 do acc = acc .. i .. (i % 7 == 0 and "\n" or ",") end
print(#acc, acc:sub(1, 40):gsub("\n", "/"), acc:sub(-20))
for n = 36, 44 do
	local a, b = ("k"):rep(n), ("k"):rep(n - 1) .. "k"
	print(n, a == b, ({ [a] = n })[b])
end
print(("a"):rep(100) .. "" == ("a"):rep(100), "" .. "" == "", "" .. 1, 1 .. "")

-- table.concat
print(table.concat({}), table.concat({ 1 }), table.concat({ 1, 2.5, "x" }, "-"), table.concat({ 1, 2, 3 }, ", ", 2), table.concat({ 1, 2, 3 }, ", ", 2, 2),
	table.concat({ 1, 2, 3 }, ", ", 3, 2), try(table.concat, { 1, {}, 3 }), try(table.concat, { 1, nil, 3 }, "", 1, 3), try(table.concat, {}, "", 1, 2))
print(table.concat(setmetatable({}, { __index = function(_, i) return "v" .. i end, __len = function() return 4 end }), ":"))
print(table.concat({ [math.maxinteger] = "last", [math.maxinteger - 1] = "one" }, "<", math.maxinteger - 1, math.maxinteger))

-- Escapes.
print("\65\066\x41\u{48}\u{20AC}\u{7FFFFFFF}" == "AB" .. "AH\xE2\x82\xAC\xFD\xBF\xBF\xBF\xBF\xBF", "a\z
       b", "\'\"\\", [[
first newline dropped]], [==[a]]b]=]c]==], #"\a\b\f\v\r\n\t")
print(#[[
x
]], "\
" == "\n", "\0" == "\x00", #"\0\0\0")
