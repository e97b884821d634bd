-- Concatenations of many operands with metamethods, objects that are called wherever a
-- call can be, and ipairs() of tables with metatables.

local N = 300

local C = {}
local function box(x) return setmetatable({x = x}, C) end
local function text(v) return type(v) == "table" and "<" .. v.x .. ">" or v end
C.__concat = function(a, b) return text(a) .. text(b) end

local function last(make)
	local s, length = nil, 0
	for i = 1, N do
		s = make(i, box(i % 7))
		length = length + (type(s) == "table" and 1 or #s)
	end
	return type(s) == "table" and s.x or s, length
end

print(last(function(i, b) return b .. i end))
print(last(function(i, b) return "a" .. b .. i end))
print(last(function(i, b) return "a" .. i .. b end))
print(last(function(i, b) return b .. "a" .. i .. 0.5 end))
print(last(function(i, b) return "p" .. i .. b .. "q" .. i end))
print(last(function(i, b) return b .. b .. b end))
print(last(function(i, b) return "x" .. b .. "y" .. i .. b .. "z" .. b end))
print(last(function(i, b) return b .. ("long"):rep(20) .. i .. b .. i end))
print(last(function(i, b) return 1 .. 2 .. b .. 3 .. 4 .. b .. 5 .. 6 end))

-- A result that is no string goes on as an operand.
local D = {}
local function chain(x) return setmetatable({x = x}, D) end
D.__concat = function(a, b)
	local x = (type(a) == "table" and a.x or a) .. ":" .. (type(b) == "table" and b.x or b)
	return #x % 3 == 0 and x or chain(x)
end
print(last(function(i) return "s" .. i .. chain(i) .. "t" .. i .. chain("u") .. i end))
print(last(function(i) return chain(i) .. chain(i) .. chain(i) .. i end))

-- Results of other types, none at all; a tail call; many results; variable arguments.
local results = {
	function() return nil end, function() end, function() return false end,
	function(a, b) return i end, function(a, b) return #tostring(b) end,
	function(...) return select("#", ...) end, function(...) return ... end,
	function(a, b) return math.type(b) or "none" end,
}
for n, f in ipairs(results) do
	local o = setmetatable({}, {__concat = f})
	local seen = {}
	for i = 1, 100 do
		local r = o .. (n % 2 == 0 and i or "s")
		seen[#seen + 1] = type(r)
		local ok, m = pcall(function() return "a" .. i .. o .. "b" .. i end)
		seen[#seen + 1] = ok and type(m) or tostring(m):gsub("0x%x+", "")
	end
	local last, count = seen[1], 0
	for _, s in ipairs(seen) do if s == last then count = count + 1 end end
	print(n, count, seen[1], seen[2], seen[99], seen[200])
end

-- Closures and guards in the middle, errors, yields.
do
	local kept = {}
	local o = setmetatable({}, {__concat = function(a, b)
		local v = type(b) == "string" and #b or 0
		local f = function() v = v + 1 return v end
		if v % 50 == 0 then kept[#kept + 1] = f end
		if v % 9 == 0 then return f() + 0.5 end
		return f()
	end})
	local sum = 0
	for i = 1, N do sum = sum + #("a" .. i .. o .. ("b"):rep(i % 60) .. i) end
	for _, f in ipairs(kept) do sum = sum + f() end
	print("closures", sum, #kept)

	local bad = setmetatable({}, {__concat = function(a, b) if b == "99!" then error("ninety-nine") end return "" end})
	print(pcall(function() for i = 1, N do local _ = "x" .. bad .. i .. "!" end end))
	print(pcall(function() for i = 1, N do local _ = "x" .. (i == 250 and {} or i) .. "!" .. i end end))
	local y = setmetatable({}, {__concat = function(a, b)
		if #b % 10 == 0 then coroutine.yield(#b) end
		return "(" .. b .. ")"
	end})
	local co = coroutine.wrap(function()
		local total = 0
		for i = 1, 100 do total = total + #("p" .. i .. y .. ("q"):rep(i) .. y .. ("r"):rep(i % 30)) end
		return "total", total
	end)
	local out = {}
	repeat
		local a, b = co()
		out[#out + 1] = tostring(a)
		if a == "total" then out[#out + 1] = tostring(b) end
	until a == "total"
	print(table.concat(out, " "))
end

-- ---- Objects that are called ----------------------------------------------------------------

local Adder = {__call = function(self, a, b) return self.x + (a or 0) * (b or 1) end}
local add = setmetatable({x = 5}, Adder)

do
	local s = 0
	for i = 1, N do s = s + add(i) + add() + add(i, 2) end
	local function tail(i) return add(i, 3) end
	local function tail_all(...) return add(...) end
	for i = 1, N do s = s + tail(i) + tail_all(i, i) + tail_all() + (add(i)) end
	print("called", s)
end

do
	local down = setmetatable({}, {__call = function(self, n, a) if n == 0 then return a end return self(n - 1, a + n) end})
	local s = 0
	for i = 1, N do s = s + down(i % 20, i) end
	print("tail calls of itself", s, down(1000, 0))
end

do
	local kinds = setmetatable({}, {__call = type})
	local same = setmetatable({}, {__call = rawequal})
	local n, s = 0, ""
	local function tail(x) return same(x) end
	for i = 1, N do
		s = kinds(i)
		if same(i % 2 == 0 and same or i) then n = n + 1 end
		if tail(i % 3 == 0 and same) then n = n + 100 end
	end
	print("C functions", n, s)
	local nested = setmetatable({}, {__call = setmetatable({}, {__call = function(f, o, a) return a + 1 end})})
	local z = 0
	for i = 1, N do z = nested(z) end
	print("callable __call", z)
	print(pcall(function() for i = 1, N do local f = i == 222 and {} or add f(1) end end))
end

do
	local iterator = setmetatable({}, {__call = function(self, limit, i) if i < limit then return i + 1, i * 2 end end})
	local s = 0
	for r = 1, N do for i, j in iterator, r % 13, 0 do s = s + i + j end end
	for r = 1, 20 do for i in iterator, 40, 0 do s = s + i end end
	print("iterator", s)
end

-- ---- ipairs ------------------------------------------------------------------------------------

local function walk(name, t)
	local s, n = 0, 0
	for r = 1, 40 do
		for i, v in ipairs(t) do s = s + v * i n = n + 1 end
	end
	print(name, s, n)
end

local array = {}
for i = 1, 50 do array[i] = i end
walk("plain", array)
walk("no metamethods", setmetatable({1, 2, 3, 4, 5}, {}))
walk("other metamethods", setmetatable({1, 2, 3, 4, 5}, {__len = function() return 2 end, __newindex = error}))
walk("__index table", setmetatable({1, 2, 3}, {__index = array}))
walk("__index function", setmetatable({1, 2, 3}, {__index = function(_, i) if i < 70 then return i end end}))
walk("empty", setmetatable({}, {__index = function(_, i) if i < 70 then return i end end}))
walk("keys that are no elements", setmetatable({[1] = 1, [2] = 2, [4] = 4}, {__index = {[3] = 9}}))
do
	local mt, s = {}, 0
	local t = setmetatable({1, 2, 3}, mt)
	for r = 1, 100 do
		for i, v in ipairs(t) do s = s + v end
		if r == 60 then mt.__index = function(_, i) if i < 6 then return 10 end end end
		if r == 90 then setmetatable(t, nil) end
	end
	print("appears and goes", s)
	s = 0
	for r = 1, 30 do for i, c in ipairs(setmetatable({}, {__index = function(_, i) return ("abcdef"):byte(i) end})) do s = s + c end end
	print(s, pcall(function() for r = 1, 100 do for i, v in ipairs(r < 80 and array or nil) do s = s + v end end end))
end

-- ---- Keys that are nil -------------------------------------------------------------------------

do
	local t, u = {1, 2, 3}, setmetatable({}, {__index = function(_, k) return k == nil and 5 or 1 end})
	local v, s = setmetatable({}, {__index = t}), 0
	for i = 1, N do
		local k
		if i % 3 == 0 then k = i % 5 end
		s = s + (t[k] or 10) + u[k] + (v[k] or 100)
	end
	print("nil key", s, pcall(function() for i = 1, N do t[i < 200 and i or nil] = i end end))
end
