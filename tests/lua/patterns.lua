-- find, match, gmatch, gsub: classes, captures, anchors, %b, %f, limits, errors.

local function try(f, ...)
	local r = table.pack(pcall(f, ...))
	for i = 1, r.n do r[i] = tostring(r[i]) end
	return table.concat(r, ",", 1, r.n)
end

local subjects = { "", "a", "hello world", "THE (quick) fox", "  trim  ", "key = value", "a,b,,c", "x\0y", "aaa", "f(a(b)c)d", "2024-01-15",
	"%d", "[x]", "a.b*c+d?", "\xff\xfe", "aXbXc", "_id9", "0x1F" }
local patterns = { "", "a", ".", "a*", "a+", "a-", "a?", "^a", "a$", "^$", "^", "$", "(a)", "()", "(a)(b)", "%a+", "%d+", "%s+", "%w+", "%p+", "%u+", "%l+", "%c", "%x+",
	"%g+", "[abc]", "[^abc]", "[a-z]+", "[%a_][%w_]*", "[]]", "[^]]", "[a-]", "[-a]", "[%-a]", "%b()", "%f[%w]%w+", "%f[^%w]", "(%a+) (%a+)",
	"^%s*(.-)%s*$", "(%w+)%s*=%s*(%w+)", "([^,]*)", "%%", "%.", "(.)%1", "(a*(.)%w(%s*))", "().()", ".-", "(.-)", ".-o", "x?", "[%z]", "\0", "[\0-\31]", "%Z", "%A+", "%D+", "%W+",
	"(%d%d%d%d)-(%d%d)-(%d%d)", "^%d", "(()())", "[[]", "%]", "[%]]", "[%a-z]", "[a-%z]" }
for _, s in ipairs(subjects) do
	for _, p in ipairs(patterns) do
		local n = 0
		local out = {}
		for a, b, c in s:gmatch(p) do
			n = n + 1
			out[#out + 1] = tostring(a) .. "/" .. tostring(b) .. "/" .. tostring(c)
			if n > 30 then break end
		end
		print((("%q %q"):format(s, p):gsub("\n", "n")), try(string.find, s, p), try(string.match, s, p), try(string.gsub, s, p, "<%0>"), table.concat(out, " "))
	end
end

-- Malformed ones.
for _, p in ipairs({ "(", ")", "(()", "%", "[", "[a", "[^", "[%", "%b", "%bx", "%f", "%fa", "%1", "(%1)", "(a)%2", "[]", "[^]", "a)", "%9", ("("):rep(33), ("(a)"):rep(33), "%f[", "[a-", "(.)%0" }) do
	print((#p < 20 and p or #p), try(string.find, "abc", p), try(string.gsub, "abc", p, ""), try(string.gmatch("abc", p)))
end

-- Replacements of all kinds.
print(("hello world"):gsub("o", "0"), ("hello world"):gsub("o", "0", 1), ("hello"):gsub("", "-"), ("abc"):gsub("%w", "%0%0"), ("abc"):gsub("%w", "%%%0"))
print(("hello world"):gsub("(%w+) (%w+)", "%2 %1"), ("abc"):gsub("(b)", "[%1]"), ("abc"):gsub("b", "%1"), ("x"):gsub(".", { x = "y" }), ("xz"):gsub(".", { x = 1, z = false }))
print(("a b c"):gsub("%a", function(c) if c ~= "b" then return c:upper() end end), ("abc"):gsub("(a)(b)(c)", function(...) return select("#", ...) end))
print(("abc"):gsub("()", "%1"), ("abc"):gsub("b()", function(p) return p end), ("$name is $age"):gsub("%$(%w+)", { name = "Bob", age = 42 }))
print(try(string.gsub, "abc", "b", "%2"), try(string.gsub, "abc", "b", "%x"), try(string.gsub, "abc", "b", "%"), try(string.gsub, "abc", "b", {}), try(string.gsub, "abc", "b", true),
	try(string.gsub, "abc", "b", function() return {} end), try(string.gsub, "abc", "b", { b = print }), try(string.gsub, "abc", "b"), try(string.gsub, "abc"))
print(("abc"):gsub("%w", setmetatable({}, { __index = function(_, k) return k .. k end })), ("abc abc"):gsub("%w+", "%0 %0", 1), ("abc"):gsub("b", "x", 0), ("abc"):gsub("b", "x", -1))
print(try(string.gsub, "abc", ".", function() error("inside", 0) end), try(string.gsub, "abc", ".", function() error({}) end):match("table"))
print(pcall(string.gsub, "x", "x", coroutine.wrap(function(a) a = coroutine.yield(a .. "1") end)))

-- Positions.
for init = -8, 8 do
	print(init, try(string.find, "abcabc", "b", init), try(string.find, "abcabc", "b", init, true), try(string.match, "abcabc", "b()", init), try(string.find, "abcabc", "", init), try(string.find, "", "", init),
		try(string.gmatch("abcabc", "[bc]", init)))
end
print(("a.b"):find(".", 1, true), ("a.b"):find("%.", 1), ("abc"):find("b", 1.0), try(string.find, "abc", "b", 1.5), ("a\0b\0c"):find("\0c", 1, true), ("a\0b"):find("\0"))
print(("aaab"):find("a-b"), ("aaab"):find("^a-b"), ("aaab"):match("^(a-)(a*)b$"), ("x = 1"):match("^(%w+)%s*=%s*(%d+)$"))
print(("foo.bar.baz"):match("^(.*)%.(.-)$"), ("/usr/local/lib"):match("([^/]+)$"), ("  x "):match("^%s*(.-)%s*$"), ("[[nested]]"):match("%[(%b[])%]"), ("key"):match("(k)(e)(y)"))

-- gmatch with anchors, with empty matches, and in nested loops.
for a in ("abc"):gmatch("^a") do io.write("[", a, "]") end print()
for a in ("abc"):gmatch("x*") do io.write("[", a, "]") end print()
for k, v in ("a=1, b=2, c=3"):gmatch("(%w+)=(%w+)") do
	for d in v:gmatch("%d") do io.write(k, d, " ") end
end
print()
for p, w in ("one two"):gmatch("()(%a+)") do io.write(p, w, " ") end print()

-- Long subjects and the limits of the matcher.
local long = ("a"):rep(100000)
print(long:match("^a-b"), long:find("^a*b"), #(long .. "b"):match("a*b"), #long:gsub("a", "bb"), select(2, long:gsub("a", "")))
print(try(string.match, ("a"):rep(300), (".-"):rep(2) .. "$"):len(), try(string.match, ("a"):rep(2000), "a-b"))
print(try(string.match, ("("):rep(1000) .. (")"):rep(1000), "%b()"):len(), try(string.match, ("x"):rep(300), ("x?"):rep(250)))
print(try(string.find, ("a"):rep(30), ("(a)"):rep(32)), try(string.find, ("a"):rep(40), ("(a)"):rep(32)):len())
