-- SPDX-License-Identifier: BSD-2-Clause
-- Messages of run-time errors: each snippet fails, and what it says is printed.
-- The output must be the same for every implementation of Lua 5.4.

local snippets = {}
local function add(s) snippets[#snippets + 1] = s end

---- Indexing: every kind of name -------------------------------------------------------
for s in ([[
local a; return a.x
local a; return a[1]
local a; local k = "k"; return a[k]
local a; a.x = 1
local a; a[1] = 1
local a; local k; a[k] = 1
return x.y
x.y = 1
x.y.z = 1
x = {}; return x.y.z
x = {}; return x.y.z.w
x = {}; x.y.z = 1
x = {}; return x[1].y
x = {}; return x[1000].y
x = {}; return x[-1].y
x = {}; return x[1.5].y
x = {}; return x[true].y
local k = "key"; x = {}; return x[k].y
local k <const> = "key"; x = {}; return x[k].y
local k <const> = 7; x = {}; return x[k].y
local t = {}; return t.a.b
local t = {}; return t["not a name"].b
local t = {}; t.a.b = 1
local t = {}; t.a.b.c = 1
local t = {a = {}}; return t.a.b.c
local t = {a = {}}; return t.a[t].c
local t = {}; return function() return t.a.b end
local t = {}; return (function() return t.a.b end)()
local t; return (function() return t.a end)()
local t; return (function() t.a = 1 end)()
local t; return (function() return (function() return t.a end)() end)()
return ("x").y.z
return ("x").y
return (1).x
return (1.5)[1]
return (nil).x
return (true).x
return print.x
return (function() end).x
return coroutine.create(print).x
return io.stdout.x.y
return math.pi.x.y
return math.foo.bar
return string.foo.bar.baz
return _G.nothing.x
return _ENV.nothing.x
local _ENV = {}; return a.b
local _ENV = {a = {}}; return a.b.c
local _ENV <const> = {}; return a.b
local function f(_ENV) return a.b end; f{}
local _ENV = nil; return a
local _ENV = nil; a = 1
local e = _ENV; local _ENV = e.setmetatable({}, {}); return b.c
local t = {_ENV = {}}; return t._ENV.x.y
local t = {}; local a = t.x or t.y; return a.b
local t = {}; return (t.x or t.y).b
local t = {}; return (t.x and t.y).b
local t = {}; return (not t).b
local a, b; return (a or b).c
local a, b = 1; return (a and b).c
local a; do local b = a; return b.c end
local a; local b = a; return b.c
local a, b, c = 1, 2; return c.d
local function f() end; return f().x
local function f() end; local r = f(); return r.x
local t = {f = function() end}; return t.f().x
local t = {f = function() end}; return t:f().x
return select(2, 1).x
return (...).x
local a = ...; return a.x
return ({}).x.y
return ({1})[2].y
return (#{}).x
return (1 + 2).x
return ("a" .. "b").x.y
for i = 1, 2 do return i.x.y end
for i = 1, 2 do local v = i.x end
for i = 1, 2 do i.x = 1 end
for k, v in pairs{1} do return v.x.y end
for k, v in pairs{1} do v.x = 1 end
local a <const> = 10; return a.x
local a <const> = "s"; return a.x.y
local a <close> = nil; return a.x
goto l; do local z end ::l:: local q; return q.x
local t = setmetatable({}, {__index = function(t, k) return k.x.y end}); return t.foo
local t = setmetatable({}, {__index = function(t, k) return nil + k end}); return t.foo
local t = setmetatable({}, {__index = 1}); return t.foo
local t = setmetatable({}, {__index = true}); return t.foo
local t = setmetatable({}, {__newindex = 1}); t.foo = 1
local t = setmetatable({}, {__newindex = function(t, k, v) v.x = k end}); t.foo = 1
local t = setmetatable({}, {__name = "My.Type"}); return t.x.y
local t = setmetatable({}, {__name = "My.Type"}); return t + 1
local t = setmetatable({}, {__name = 42}); return t + 1
local t = {}; t[nil] = 1
local t = {}; t[0/0] = 1
local t = {}; local k; t[k] = 1
return {[nil] = 1}
return {[0/0] = 1}
return rawset({}, nil, 1)
]]):gmatch("[^\n]+") do add(s) end

---- Calling --------------------------------------------------------------------------------
for s in ([[
f()
local f; f()
local f = 1; f()
local f = "x"; return f()
local f = {}; f(1, 2, 3)
local t = {}; t.f()
local t = {}; t:f()
local t = {}; t.a.f()
local t = {}; t.a:f()
local t = {a = {}}; t.a.f()
local t = {a = {}}; t.a:f()
local t = {a = {}}; t.a:f().x = 1
local t = {}; t[1]()
local t = {}; t["not a name"]()
local k = "k"; local t = {}; t[k]()
local t; t:f()
t:f()
t.f()
t.f.g()
("x")()
("x"):bad()
("x").bad()
(1)()
(nil)()
(true)()
({})()
(1 + 2)()
(("x") .. "y")()
(print or 1).x()
local a; (a or b)()
local a = 1; (a and 2)()
local f; return f()
return f()
local t = {}; return t.f()
local t = {}; return t:f()
local t = {}; return t[1]()
local t = {}; return (t.f())
local function g() return undefinedfunction() end; g()
local f; (function() f() end)()
local f; (function() return f() end)()
local f; local function g() local h = f; h() end; g()
math.nothing()
math.nothing(1, 2)
return math.nothing(math.nothing2())
string.format("%d", math.nothing())
for i in nil do end
for i in 1 do end
for i in {} do end
for i in f do end
for i in f() do end
local t = {}; for i in t.x do end
for i in pairs(nil) do end
for i in pairs() do end
for i in ipairs() do end
for i in next, nil do end
for i in next, {}, 1 do end
local t = setmetatable({}, {__call = 1}); t()
local t = setmetatable({}, {__call = 1}); return t()
local t = setmetatable({}, {__call = {}}); t()
local t = setmetatable({}, {__call = setmetatable({}, {__call = "x"})}); t()
local t = setmetatable({}, {__call = function(self, a) return a.x end}); t()
local t = setmetatable({}, {__call = function(self, a) return a.x end}); return t()
local t = setmetatable({}, {__index = {}}); t.f()
local t = setmetatable({}, {__index = function() end}); t:f()
local t = setmetatable({}, {__add = 1}); return t + 1
local t = setmetatable({}, {__add = {}}); return 1 + t
local t = setmetatable({}, {__unm = {}}); return -t
local t = setmetatable({}, {__len = 1}); return #t
local t = setmetatable({}, {__concat = 1}); return t .. "x"
local t = setmetatable({}, {__concat = 1}); return "x" .. "y" .. t
local t = setmetatable({}, {__eq = 1}); return t == setmetatable({}, {__eq = 1})
local t = setmetatable({}, {__lt = 1}); return t < 1
local t = setmetatable({}, {__lt = 1}); return 1 < t
local t = setmetatable({}, {__le = 1}); return t <= 1
local t = setmetatable({}, {__le = 1}); return 1.5 >= t
local t = setmetatable({}, {__lt = true}); return t > t
local t = setmetatable({}, {__bnot = 1}); return ~t
local t = setmetatable({}, {__shl = 1}); return t << 1
local t = setmetatable({}, {__shr = 1}); return 1 >> t
local t = setmetatable({}, {__idiv = 1}); return t // 2
local t = setmetatable({}, {__mod = 1}); return t % t
local t = setmetatable({}, {__close = 1}); do local x <close> = t end
local t = setmetatable({}, {__close = {}}); local x <close> = t; return 1
local x <close> = 1
local x <close> = {}
local x <close> = setmetatable({}, {}); return x
for a, b in next, {}, nil, 1 do end
for a, b in next, {}, nil, {} do end
]]):gmatch("[^\n]+") do add(s) end

---- Operators --------------------------------------------------------------------------------
local operators = {"+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>", "..",
	"<", "<=", ">", ">=", "==", "~="}
local operands = {"nil", "true", "{}", "1", "1.5", "1e100", "'s'", "'10'", "'0x1p4'", "print", "l",
	"t.f", "g", "u", "2^53", "2^63", "-1", "0", "0.0"}
for _, op in ipairs(operators) do
	for _, a in ipairs(operands) do
		for _, b in ipairs(operands) do
			add(("local l; local t = {}; local a = %s; return a %s %s"):format(a, op, b))
			add(("local l; local t = {}; return %s %s %s"):format(a, op, b))
		end
	end
	for _, pair in ipairs{"u, 1", "1, u", "u, u", "v, w", "w, v", "u, 'x'", "v, 2", "3, v", "w, 1.5", "w, 1"} do
		local a, b = pair:match("(.*), (.*)")
		add(("local u, v, w = nil, {}, 2.5; return (function() return %s %s %s end)()"):format(a, op, b))
		add(("local u, v, w = nil, {}, 2.5; local t = {x = %s, y = %s}; return t.x %s t.y"):format(a, b, op))
		add(("U, V, W = nil, {}, 2.5; return %s %s %s"):format(a:upper(), op, b:upper()))
	end
end
for _, op in ipairs{"-", "~", "#", "not "} do
	for _, a in ipairs(operands) do
		add(("local l; local t = {}; return %s(%s)"):format(op, a))
		add(("local a = %s; return %sa"):format(a, op))
		add(("local t = {a = %s}; return %st.a"):format(a, op))
		add(("A = %s; return %sA"):format(a, op))
		add(("local a = %s; return (function() return %sa end)()"):format(a, op))
	end
end
for s in ([[
return 1 // 0
return 1 % 0
local a, b = 1, 0; return a // b
local a, b = 1, 0; return a % b
local a = 1; return a // 0
local a = 1; return a % 0
local m = -5; return m // 0
return 1 < "2"
return "a" < 1
return {} < 1
return {} <= {}
return print >= print
return nil > 1
return nil < nil
return true < false
local a = "x"; return a < 1
local a = "x"; return a > 1.5
local a = "x"; return 1 <= a
return 2^53 | 1.5
return 1.5 | {}
return {} | 1.5
return "a" | 1
return "1.5" | 1
return 1 | "1.5"
return "1e100" | 1
local a = "1.5"; return 1 ~ a
return 1.5 << "x"
return "x" << 1.5
return 1 .. nil
return nil .. 1
local a, b, c = "x", nil, "y"; return a .. b .. c
local a, b, c = "x", "y"; return a .. b .. c
local t = {}; return "x" .. t.name .. "y"
return "x" .. {} .. "y"
return name .. "x"
return "x" .. name
local t = {}; return t .. t
return print .. ""
return 1 .. true
return "a" + 1
return 1 + "a"
return "a" + "b"
return {} + "b"
return "a" + {}
return "10" + {}
return {} + "10"
return "abc" * 2
return -"abc"
return -"0x"
return 10 - "ten"
local s = "ten"; return 10 - s
local s = "ten"; return s ^ 2
local s = "ten"; return 1 + 2 * s
local t = {count = "ten"}; t.count = t.count + 1
local t = {}; t.count = t.count + 1
count = count + 1
local n; n = n + 1
local n; n = n - 1
local n; n = 1 + n
local n; n = n * 2.5
local t = {}; t[1] = t[1] + 1
local t = {{}}; t[1].x = t[1].x + 1
local t = {{}}; t[1].x = t[1].x // 1
local n; return #n
local t = {}; return #t.x
return #x
return #5
local a = 5; return #a
local a = setmetatable({}, {__len = function() error("len!") end}); return #a
local a = setmetatable({}, {__len = function() error({}) end}); return #a
for i = 1, "x" do end
for i = "1", 2 do end
for i = 1, 2, "1" do end
for i = 1, 2, {} do end
for i = {}, 2 do end
for i = 1, nil do end
for i = nil, 1 do end
for i = 1, 10, 0 do end
for i = 1.0, 10, 0 do end
for i = 1, 10, 0.0 do end
for i = 1, print do end
for i = 1.5, "x" do end
for i = 1.5, 2, "x" do end
for i = 1, 2, nil do end
local t = setmetatable({}, {__name = "T"}); for i = t, 1 do end
]]):gmatch("[^\n]+") do add(s) end

---- Names deep in code -------------------------------------------------------------------------
-- Many constants: the operand does not fit in the instruction.
local many = {}
for i = 1, 300 do many[i] = ("c%d = %d.5"):format(i, i) end
many = table.concat(many, "; ") .. "; "
add(many .. "return x.y.z")
add(many .. "x = {}; return x.y.z")
add(many .. "x = {}; x.yy.zz = 1")
add(many .. "local t = {}; return t.field.z")
add(many .. "local t = {}; t.field()")
add(many .. "local t = {}; t:method()")
add(many .. "local t = {}; return t:method()")
add(many .. "return undefinedvariable + 1")
add(many .. "local l; return l + 7777.5")
add(many .. "local l; return 7777.5 - l")
add(many .. "('long constant')()")
add(many .. "return ('long constant') + 1")
add(many .. "undefinedvariable()")
local jumps = {}
for i = 1, 60 do jumps[i] = ("if x == %d then y = x end"):format(i) end
jumps = table.concat(jumps, "\n") .. "\n"
add(jumps .. "return x.y")
add(jumps .. "local t = {}\nif x then t = 1 end\nreturn t.f()")
add(jumps .. "while true do local t = {} t.x.y = 1 end")
add(jumps .. "local t = {} return t\n.f\n.g\n.h")
add("local t = {}\n\n\nreturn t\n.x\n.y\n.z")
add("local t = {}\nlocal a = 1 +\n2 *\nt\nreturn a")
add("local t = {}\nt.f = {\n1,\n2,\nx.y,\n}")
add("f(\n1,\n2\n)")
add("local function f()\n\nerror('in f')\nend\n\nf\n(\n)\n")
add("local function f()\n\nerror('level 2', 2)\nend\n\nf\n(\n)\n")
add("local a\nreturn a\n..\n'x'")
add("local a\nreturn 'x'\n..\na\n..'z'")
add("local t <close> = setmetatable({}, {__close = function(_, e)\nerror(e, 0) end})\n\nerror('first')")
add("local t <close> = setmetatable({}, {__close = function(_, e)\nerror('second') end})\n\nerror('first')")
add("local t <close> = setmetatable({}, {__close = function(_, e)\nx.y = 1 end})\n\nreturn 1")
add(("local a = 1\n"):rep(150) .. "return a.b.c")
add(("\n"):rep(300) .. "return a.b.c" .. ("\n"):rep(300))
add("local x = 1" .. ("\n"):rep(1000) .. "return a.b.c")

---- Library functions: who is to blame ----------------------------------------------------------
for s in ([[
string.rep()
("x"):rep()
("x"):rep({})
("x").rep()
local r = string.rep; r()
local r = string.rep; return r()
local t = {r = string.rep}; t.r()
local t = {r = string.rep}; t:r()
s = string.rep; s()
string.rep("x", 1.5)
string.rep("x", "y")
string.rep("x", 1e10)
string.char(256)
string.char(-1)
string.format("%d", 1.5)
string.format("%d", "x")
string.format("%q", {})
string.format("%y", 1)
string.format("%s")
setmetatable(1, {})
setmetatable({}, 1)
setmetatable(setmetatable({}, {__metatable = 1}), {})
table.concat({1, {}, 3})
table.concat(1)
table.insert({}, 1, 2, 3)
table.insert({}, 10, 2)
table.unpack({}, 1, 1e8)
table.sort({3, 2, "x"})
table.sort({1, 2, 3, 4, 5}, function(a, b) return a.x < b end)
table.sort({1, 2, 3, 4, 5}, 1)
tonumber("z", 99)
tonumber({}, 10)
tonumber()
math.floor({})
math.floor("x")
math.random(0, -1)
math.tointeger()
math.max()
select(0)
select({})
rawlen(1)
rawget(1, 1)
next({}, "nokey")
ipairs()
error()
error(nil)
error("x", 0)
error("x", 1)
error("x", 2)
error("x", 3)
error({})
error(42)
error(true)
error(setmetatable({}, {__tostring = function() return "object" end}))
assert(false)
assert(nil, "message")
assert(nil, 42)
assert()
utf8.char(-1)
utf8.codepoint("\xff")
load(1)
load("x = ", "=name")
require("no.such.module.anywhere")
coroutine.resume(1)
coroutine.wrap(1)
coroutine.yield()
coroutine.wrap(function() error("in coroutine") end)()
coroutine.wrap(function() error({}) end)()
coroutine.wrap(function() local x; x.y = 1 end)()
local c = coroutine.wrap(function() return 1 end); c(); c()
local c; c = coroutine.wrap(function() c() end); c()
coroutine.close(coroutine.running())
string.gsub("x", "(", "")
string.gsub("x", "%", "")
string.gsub("x", "x", "%2")
string.gsub("x", "x", function() return {} end)
string.gsub("x", "x", function() return x.y end)
string.find("x", "[a")
string.find("x", "%f")
os.time({})
os.date("%Ez")
io.lines("/no/such/file")
io.open("x", "zz")
debug.getinfo(1, "X")
debug.getinfo(1, ">")
debug.getlocal(1000, 1)
debug.setmetatable({}, 1)
debug.sethook(1)
collectgarbage("nothing")
]]):gmatch("[^\n]+") do add(s) end

---- Running them ------------------------------------------------------------------------------
-- No addresses, no paths.
local function clean(v)
	if type(v) == "string" then
		return (v:gsub("0x%x+", "ADDRESS"):gsub("\n\t[^\n]*no f[^\n]*", ""))
	end
	return math.type(v) == "integer" and tostring(v) or type(v)
end

local function new_environment()
	return setmetatable({}, {__index = _G})
end

local shown = 0
local function show(what, source, ok, ...)
	if not ok then
		shown = shown + 1
		if #source > 100 then
			source = "..." .. source:sub(-60)
		end
		print(what, (source:gsub("\n", "|")), clean((...)))
	end
end

for _, source in ipairs(snippets) do
	local f, e = load(source, "=s", "t", new_environment())
	if not f then
		print("syntax", source, e)
	else
		show("run", source, pcall(f))
	end
end

-- The same from inside a coroutine, a method call and a metamethod; and with a traceback.
local function traceback(e)
	return debug.traceback(type(e) == "string" and e or type(e), 1)
end
for i, source in ipairs(snippets) do
	-- Operators with plain operands are many and alike.
	if i % 37 == 0 or not source:find("^local l; local t") then
		local f = load(source, "=s", "t", new_environment())
		if f then
			show("traceback", source, xpcall(f, traceback))
			show("coroutine", source, coroutine.resume(coroutine.create(f)))
			local co = coroutine.create(f)
			if not coroutine.resume(co) then
				print(clean(debug.traceback(co)))
			end
			local t = setmetatable({}, {__index = function() return (f()) end})
			show("metamethod", source, xpcall(function() return t.x end, traceback))
			show("nested", source, pcall(pcall, error))
		end
	end
end
print(#snippets, shown)

-- A stripped function knows no lines and no names.
for _, source in ipairs{"local a; a.x = 1", "x.y.z = 1", "local t = {} t:f()", "error('x')",
	"local n; n = n + 1", "local a; return (function() return a.b end)()"} do
	local f = load(string.dump(load(source, "=s"), true), "=t", "b")
	print(source, pcall(f))
end

-- Errors in error handlers, deep recursion.
print(xpcall(error, function() error("again") end, "x"))
print(xpcall(error, function(e) return e, 2, 3 end, "x"))
print(pcall(xpcall, error, nil, "x"))
print(pcall(xpcall, error))
local function recurse() return 1 + recurse() end
local ok, e = pcall(recurse)
print(ok, #e < 200 and e or e:sub(1, 100))
local ok, e = xpcall(recurse, function(m) return m:sub(1, 60) end)
print(ok, e)
local ok, e = xpcall(recurse, function(m) return recurse() end)
print(ok, e)
local t = setmetatable({}, {}); getmetatable(t).__index = function(t, k) return t[k] end
local ok, e = pcall(function() return t.x end)
print(ok, e:match("stack overflow")) -- Lua's own recurses in C here
local t = setmetatable({}, {}); getmetatable(t).__index = t
print(pcall(function() return t.x end))
local t = setmetatable({}, {}); getmetatable(t).__newindex = t
print(pcall(function() t.x = 1 end))
local function gsub() return string.gsub("x", "x", gsub) end
local ok, e = pcall(gsub)
print(ok, e)
local function co() return coroutine.wrap(co)() end
local ok, e = pcall(co)
print(ok, (tostring(e):gsub("^.*messages.lua:%d+: ", "")))
