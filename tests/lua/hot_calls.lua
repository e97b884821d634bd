-- Calls of C functions from hot code: tail calls, known ones and others, coroutines, callbacks.
local function len(s) return #s end
local function up(s) return s:upper() end
local function mk(i) return setmetatable({i = i}, {__index = {z = i}}) end
local function sel(...) return select(2, ...) end
local function pk(...) return table.pack(...) end
local function un(t) return table.unpack(t) end
local function sub(s, i) return string.sub(s, i, i + 2) end
local function tb(m) return debug.traceback(m) end
local function er(m) return error(m, 2) end
local function pc(f, ...) return pcall(f, ...) end
local total = 0
for i = 1, 300 do
	total = total + #up("abc" .. i) + mk(i).z + (sel(1, i, 3)) + pk(1, nil, i).n
	local a, b = un({i, 2, 3}) total = total + a + b + #sub("hello world", i % 8 + 1)
	local ok, m = pc(er, "x" .. i) total = total + #m
	if i % 100 == 0 then print(tb("t" .. i)) print(pc(er, "y")) print(pc(len, "abc"), pc(len)) end
end
print(total)
local function deep(n) if n == 0 then return tb("deep") end return (deep(n - 1)) end
for i = 1, 200 do deep(i % 6) end print(deep(7))
local function fact(n) if n <= 1 then return math.tointeger(1.0) end return n * fact(n - 1) end
for i = 1, 200 do fact(i % 15) end print(fact(20))
for i = 1, 100 do local t = {sel(1, 2, 3, i)} total = total + #t + t[#t] end print(total)
local co = coroutine.wrap(function() local function y(i) return coroutine.yield(i) end for i = 1, 200 do y(i) end return "done" end)
local s = 0 while true do local v = co() if v == "done" then break end s = s + v end print(s)
local function cnt(...) local n = 0 for _, v in ipairs({...}) do n = n + v end return n, ... end
for i = 1, 200 do total = total + cnt(1, 2, i) total = total + select('#', cnt(i, 2)) end print(total)
local function gen(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end) end
local t = 0
for r = 1, 100 do for v in gen(20) do t = t + v end end
print(t)
for i = 1, 200 do
	local co = coroutine.create(function(a) local s = 0 for k = 1, 100 do s = s + k * a end if a == 150 then error("boom") end coroutine.yield(s) return "end" end)
	local ok, v = coroutine.resume(co, i)
	local ok2, v2 = coroutine.resume(co)
	t = t + (ok and v or #v) + (v2 == "end" and 1 or 0)
end
print(t)
for i = 1, 200 do local ok, e = pcall(function() local f = coroutine.wrap(function() if i % 3 == 0 then error("x" .. i) end return i end) return f() end) t = t + (ok and e or #tostring(e)) end
print(t)
local function rec(n) if n == 0 then coroutine.yield("leaf") return 1 end return rec(n - 1) + rec(n - 1) end
local n = 0 for v in coroutine.wrap(function() rec(8) end) do n = n + 1 end print(n)
-- isyieldable, running, status, close inside hot loops
for i = 1, 150 do local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() t = t + 1 end}) coroutine.yield(coroutine.isyieldable()) end) coroutine.resume(co) t = t + (coroutine.close(co) and 1 or 0) + #coroutine.status(co) end
print(t)
-- pcall, sort with comparators, gsub callbacks, string.format, concat
for i = 1, 200 do
	local l = {} for k = 1, 8 do l[k] = (k * 7919 * i) % 101 end
	table.sort(l, function(a, b) return a > b end)
	t = t + l[1] - l[8]
	local s = ("a%d b%s"):format(i, i / 2):gsub("%d", function(d) return d + 1 end)
	t = t + #s + #table.concat(l, ",")
	local ok, m = pcall(error, {i}) t = t + m[1]
	local ok, m = pcall(string.rep) t = t + #m
	for w in s:gmatch("%a") do t = t + w:byte() end
	t = t + select("#", pcall(next, {}, nil)) + select(-1, 1, 2, i)
	t = t + math.max(i, 3, 2.5) + math.min(1, i) + (math.tointeger(i / 1) or 0) + tonumber("0x" .. i) + #tostring(i / 3)
	if next({}) == nil and rawequal(l, l) and rawlen(l) == 8 then t = t + 1 end
	local a, b, c = table.unpack(l, 1, 3) t = t + a + b + c
end
print(t)
