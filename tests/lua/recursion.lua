-- Recursion without end, of every kind, is an error that can be caught, again and
-- again; recursion that is only deep works. (Where Lua says "C stack overflow", jitlua
-- may get further.)

local function kind(e) e = tostring(e) return e:match("stack overflow") or e:match("error in error handling") or e:match("chain too long") or e:match("too complex") or e end
local function caught(name, f, ...) for i = 1, 2 do local ok, e = pcall(f, ...) print(name, ok, kind(e)) end end

local function plain() return 1 + plain() end caught("lua", plain)
local function tail_arguments(...) return 1 + select("#", tail_arguments(1, ...)) end caught("growing arguments", tail_arguments)
local function mutual_a() return mutual_b() + 1 end function mutual_b() return mutual_a() + 1 end caught("mutual", mutual_a)
local function locals() local a, b, c, d, e, f, g, h = 1, 2, 3, 4, 5, 6, 7, 8 return locals() + a + b + c + d + e + f + g + h end caught("with many locals", locals)
local function by_pcall() local ok, e = pcall(by_pcall) error(e, 0) end caught("pcall", by_pcall)
local depth = 0 local function by_pcall_deep() depth = depth + 1 pcall(by_pcall_deep) return depth end print("pcall that returns", by_pcall_deep() > 100)
local function by_xpcall() return select(2, xpcall(by_xpcall, by_xpcall)) end print("xpcall", type(by_xpcall()))
local function in_handler() return xpcall(error, in_handler) end print("handler", select("#", in_handler()) >= 1)
local function by_gsub() return (("x"):gsub("x", by_gsub)) end caught("gsub", by_gsub)
local function by_sort() table.sort({ 1, 2 }, by_sort) end caught("sort", by_sort)
local function by_tostring() local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end return tostring(t) end caught("tostring", by_tostring)
local function by_load() return load("local f = ... return f(f)")(function(f) return load("local f = ... return (f(f))")(f) end) end caught("load", by_load)
local function by_dofile_reader() return load(function() by_dofile_reader() return nil end) end print("reader", pcall(by_dofile_reader) ~= nil)
local t = setmetatable({}, {}) local mt = getmetatable(t)
mt.__index = function(t, k) return t[k] end caught("__index", function() return t.x end)
mt.__newindex = function(t, k, v) t[k] = v end caught("__newindex", function() t.x = 1 end)
mt.__add = function(a, b) return a + b end caught("__add", function() return t + 1 end)
mt.__concat = function(a, b) return a .. b end caught("__concat", function() return t .. "x" end)
mt.__eq = function(a, b) return a == b end caught("__eq", function() return t == setmetatable({}, mt) end)
mt.__lt = function(a, b) return a < b end caught("__lt", function() return t < t end)
mt.__le = function(a, b) return a <= b end caught("__le", function() return t <= t end)
mt.__unm = function(a) return -a end caught("__unm", function() return -t end)
mt.__len = function(a) return #a end caught("__len", function() return #t end)
mt.__call = function(self) return self() + 1 end caught("__call", function() return t() end)
mt.__close = function() local x <close> = t end caught("__close", function() local x <close> = t end)
mt.__index = t caught("__index loop", function() return t.y end) mt.__newindex = t caught("__newindex loop", function() t.y = 1 end)
local function by_iterator() for _ in by_iterator do end end print("iterator", (pcall(by_iterator))) -- jitlua needs no C stack for it
local function by_wrap() return coroutine.wrap(by_wrap)() end caught("wrap", by_wrap)
local function by_resume() local ok, e = coroutine.resume(coroutine.create(by_resume)) if not ok then error(e, 0) end end caught("resume", by_resume)
local function by_wrap_lua() local function deep(n) if n == 0 then return coroutine.wrap(by_wrap_lua)() end return deep(n - 1) + 1 end return deep(50) end caught("wrap after Lua calls", by_wrap_lua)
local function by_require() package.loaded.recursive = nil package.preload.recursive = by_require return require("recursive") end caught("require", by_require)
local function by_close() local x <close> = setmetatable({}, { __close = function() by_close() end }) end caught("close", by_close)
local function by_closing_coroutine() local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() by_closing_coroutine() end }) coroutine.yield() end) coroutine.resume(co) local ok, e = coroutine.close(co) if not ok then error(e, 0) end end print("coroutine.close", pcall(by_closing_coroutine) ~= nil)
local function by_concat() return table.concat(setmetatable({}, { __len = function() return 1 end, __index = by_concat })) end caught("concat", by_concat)
local function by_hook() debug.sethook(function() debug.sethook() by_hook() end, "l")
	local x = 1 return x end print("hook", (pcall(by_hook))) debug.sethook()
print("captures", kind(select(2, pcall(string.find, ("a"):rep(1000), ("(a)"):rep(50))))) print("balance", #(("("):rep(100000) .. (")"):rep(100000)):match("%b()"))
print("match depth", kind(select(2, pcall(string.match, ("a"):rep(220000), ("a?"):rep(220000) .. "b")))) print("parser", kind(select(2, load(("("):rep(100000))))) print("parser", kind(select(2, load("x = " .. ("{"):rep(100000))))) print("parser", kind(select(2, load(("do "):rep(100000))))) print("parser", kind(select(2, load("x = " .. ("a."):rep(100000) .. "b .. " .. ("-"):rep(10) .. "1"))) or "fine") print("parser", kind(select(2, load(("if x then "):rep(10000))))) print("parser", kind(select(2, load("return " .. ("not "):rep(100000) .. "1")))) print("parser", kind(select(2, load(("local function f() "):rep(1000))))) print("parser", kind(select(2, load("return " .. ("1 .. "):rep(100000) .. "1")))) print("parser", kind(select(2, load("return " .. ("1 ^ "):rep(100000) .. "1")))) print("parser", kind(select(2, load("x" .. (",x"):rep(100000) .. " = 1"))))

-- Deep, but with an end.
local function down(n) if n == 0 then return 0 end return 1 + down(n - 1) end print(down(150000)) print(select(2, pcall(down, 190000))) local function tail(n) if n > 0 then return tail(n - 1) end return "tail" end print(tail(1000000)) local co = coroutine.wrap(function() return down(150000) end) print(co()) local function nested(n) if n == 0 then return 0 end return 1 + select(2, pcall(nested, n - 1)) end print(nested(150)) local function va(n, ...) if n == 0 then return select("#", ...) end return (va(n - 1, n, ...)) end print(va(400)) local chain = {} local head = chain for i = 1, 200000 do chain.next = {} chain = chain.next end local n = 0 while head do head = head.next n = n + 1 end print(n) local s = "" for i = 1, 150 do s = "(" .. s .. ")" end print(#load("return '" .. s .. "'")()) local x = 0 for i = 1, 180 do local old = x x = function() return old end end local y = x for i = 1, 180 do y = y() end print(y)
print(down(100), plain ~= nil, collectgarbage() == 0 and collectgarbage("count") < 100000)
