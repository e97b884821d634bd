-- Closures that loops make and call: variables that are shared for a while, iterators,
-- callbacks, and places that see one closure after the other of the same function.

local N = 300

-- ---- A variable is shared within a turn ------------------------------------------------

do
	local sum = 0
	for i = 1, N do
		local f = function(x) return x + i end
		sum = sum + f(1)
	end
	print("the loop's own variable", sum)
end

do
	local sum = 0
	for i = 1, N do
		local set = function(x) i = i + x end
		set(10)
		set(100)
		sum = sum + i
	end
	print("written by the closure", sum)
end

do
	local sum, kept = 0, {}
	for i = 1, N do
		local n = i * 2
		local function add(x) n = n + x return n end
		local function get() return n end
		add(1)
		n = n + 1000
		if i % 50 == 0 then kept[#kept + 1] = add kept[#kept + 1] = get end
		sum = sum + get()
	end
	print("two closures share one", sum)
	for i = 1, #kept, 2 do
		kept[i](i)
		io.write(kept[i + 1](), " ")
	end
	print()
end

do
	local sum, i = 0, 0
	while i < N do
		local j = i
		local next = function() return j + 1 end
		j = j + (i % 3)
		i = next()
		if i % 7 == 0 then goto continue end
		sum = sum + i
		::continue::
	end
	print("while, goto", sum, i)
end

do
	local sum, turns = 0, 0
	repeat
		local n = turns
		local f = function() n = n + 1 return n end
		sum = sum + f()
		turns = turns + 1
	until f() > N
	print("repeat, until asks the closure", sum, turns)
end

do
	local sum = 0
	for i = 1, N do
		for j = 1, i % 4 do
			local f = function() return i * 10 + j end
			sum = sum + f()
			j = 0
		end
	end
	print("inner loops", sum)
end

do
	local sum = 0
	for i = 1, N do
		local function fact(n) return n < 2 and 1 or n * fact(n - 1) end
		sum = sum + fact(i % 6)
	end
	print("one that names itself", sum)
end

-- ---- Variables of functions that the loop calls ------------------------------------------

local function counter(step)
	local n = 0
	return function() n = n + step return n end, function() return n end
end

do
	local sum = 0
	for i = 1, N do
		local up, get = counter(i)
		up()
		if i % 3 == 0 then up() end
		sum = sum + get()
	end
	print("counters", sum)
end

local function compose(f, g) return function(...) return f(g(...)) end end

do
	local sum, last = 0
	for i = 1, N do
		last = compose(function(x) return x + i end, function(x, y) return x * (y or 2) end)
		sum = sum + last(i) + last(i, 3)
	end
	print("composed", sum, last(7))
end

local function vary(...)
	local a, b = ...
	local f = function() a = a + 1 return a, b end
	return f, select("#", ...)
end

do
	local sum = 0
	for i = 1, N do
		local f, n = vary(i, i % 2 == 0 and "even" or i, nil)
		local a, b = f()
		sum = sum + a + n + (b == "even" and 1000 or 0)
	end
	print("variable arguments", sum)
end

local function tail(n, f)
	if n == 0 then return f() end
	local m = n
	return tail(n - 1, function() m = m + f() return m end)
end

do
	local sum = 0
	for i = 1, N do sum = sum + tail(i % 5, function() return i end) end
	print("tail calls", sum)
end

-- The type changes, so an exit is taken while the variable is shared.
do
	local s = ""
	for i = 1, N do
		local v = i
		local f = function() return v end
		if i % 20 == 0 then v = "s" .. i elseif i % 31 == 0 then v = i + 0.5 end
		local w = f()
		if type(w) == "string" then s = s .. w elseif w ~= i then s = s .. w end
	end
	print("types change", s)
end

do
	local sum, errors = 0, 0
	for i = 1, N do
		local n = i
		local ok, e = pcall(function()
			n = n + 1
			if i % 40 == 0 then error("at " .. i, 0) end
			n = n + 1
		end)
		if not ok then errors = errors + 1 sum = sum + #e end
		sum = sum + n
	end
	print("errors", sum, errors)
end

do
	local sum = 0
	for i = 1, N do
		local co = coroutine.wrap(function(a)
			local b = coroutine.yield(a + i)
			i = i + b
			return i
		end)
		sum = sum + co(1)
		sum = sum + co(2) + i
	end
	print("coroutines", sum)
end

-- ---- Shared for longer than a turn -----------------------------------------------------------

do
	local y, s, get = 1, 0
	for i = 1, 4 * N do
		if i == N then get = function() return y end end
		y = y + (i & 1)
		s = s + y
		if get and i % 100 == 0 then s = s + get() end
	end
	print("captured in the middle", s, get())
end

do
	local y, s, set = 1, 0
	for round = 1, 3 do
		for i = 1, N do
			if round == 2 and i == 5 then set = function(v) y = v end end
			if set and i % 90 == 0 then set(i) end
			y = y + 1
			s = s + y
		end
	end
	print("captured by an inner turn", s, y)
end

do
	local s, list = 0, {}
	for i = 1, N do
		local n = i
		list[i] = function(d) n = n + d return n end
		if i > 3 then s = s + list[i - 3](i) end
	end
	for i = 1, N do s = s + list[i](1) end
	print("kept for later", s)
end

-- ---- One place, many closures ---------------------------------------------------------------

local function map(t, f)
	local r = {}
	for i = 1, #t do r[i] = f(t[i], i) end
	return r
end

local function each(t, f) for _, v in ipairs(t) do f(v) end end

local function range(from, to)
	local i = from - 1
	return function() i = i + 1 if i <= to then return i, i * i end end
end

local t = {}
for i = 1, N do t[i] = i end

do
	local s = 0
	for k = 1, 40 do
		local r = map(t, function(x) return x * k end)
		s = s + r[N] + r[1]
	end
	print("map", s)
	for k = 1, 40 do
		local f = k % 3 == 0 and function(x) return x + k end
			or k % 3 == 1 and function(x, i) return x - i + k end
			or function(x) return k end
		local r = map(t, f)
		s = s + r[N] + r[1]
	end
	print("map of different functions", s)
end

do
	local total = 0
	for k = 1, 40 do
		local sum = 0
		each(t, function(x) sum = sum + x * k end)
		total = total + sum
	end
	print("each", total)
end

do
	local s = 0
	for k = 1, 60 do
		for i, square in range(k, k + k % 17 + 5) do s = s + i + square end
	end
	for a in range(1, 40) do
		for b in range(a, 40) do s = s + a * b end
	end
	print("range", s)
end

do
	local words = {}
	for i = 1, N do words[i] = (i * 7919) % 1000 end
	local compared = 0
	for k = 1, 5 do
		table.sort(words, function(a, b)
			compared = compared + 1
			if k % 2 == 0 then return a < b end
			return a > b
		end)
	end
	print("sort", words[1], words[N], compared > N)
end

-- ---- Closures that nobody but the loop sees -------------------------------------------------------

local function with(x, f) return f(x) end
local function twice(f, x) return f(f(x)) end

do
	local s = 0
	for i = 1, N do
		local n = 0
		s = s + with(i, function(x) n = n + x return n + i end)
		s = s + twice(function(x) n = n + 1 return x + n end, i)
		s = s + n
	end
	print("callbacks", s)
end

do
	local s, kept = 0, {}
	for i = 1, N do
		local n = i
		local f = function(d) n = n + d return n end
		s = s + f(1)
		if i % 60 == 0 then kept[#kept + 1] = f end -- it escapes
		if i % 70 == 0 then n = n + 0.5 end -- it is live at an exit
		s = s + f(2)
		if i % 80 == 0 then s = s + select("#", f, f) + f(3) end
	end
	for _, f in ipairs(kept) do s = s + f(0) end
	print("escapes now and then", s, #kept)
end

do
	local s = 0
	for i = 1, N do
		local get, set
		do
			local v = i
			get = function() return v end
			set = function(x) v = x end
			set(get() + 1)
		end
		set(get() * 2) -- their block was left
		s = s + get()
	end
	print("used when its block was left", s)
end

do
	local s = 0
	for i = 1, N do
		local n = i
		local outer = function(x)
			local inner = function(y) n = n + y return n + x end
			return inner(1) + with(2, inner) + with(x, function(z) return inner(z) + n end)
		end
		s = s + outer(i % 7)
		if outer == nil or outer ~= outer then s = -1 end
	end
	print("nested", s)
end

do
	local s = 0
	for i = 1, N do
		local n = i
		local o = {add = function(self, x) n = n + x return self end, get = function() return n end, x = i}
		s = s + o:add(1):add(o.x).get()
		if i % 50 == 0 then s = s + #tostring(o.x) o.add = nil end
		if o.add and i % 64 == 0 then o:add(0.5) s = s + o.get() end
	end
	print("methods of a record", s)
end

do
	local log = {}
	local function fails(i)
		local state = "begun"
		local f = function(x)
			state = "called"
			if i % 45 == 0 then error({i, function() return state end}) end
			state = "done"
			return x
		end
		return f(i), state
	end
	local s = 0
	for i = 1, N do
		local ok, a, b = pcall(fails, i)
		if ok then s = s + a + #b else log[#log + 1] = a[1] .. a[2]() end
	end
	for i = 1, N do
		local n = 0
		local f = function(x) n = n + x return debug.getinfo(1, "u").nups end
		if i % 100 == 0 then log[#log + 1] = debug.getupvalue(f, 1) .. f(5) .. n end
		s = s + f(i)
	end
	print("errors", s, table.concat(log, " "))
end

do
	local s = 0
	local co = coroutine.wrap(function()
		for i = 1, N do
			local n = i
			local f = function(x) if i % 50 == 0 then coroutine.yield(n) end n = n + x return n end
			s = s + f(1) + f(2)
		end
		return "end"
	end)
	local seen = {}
	repeat local v = co() seen[#seen + 1] = tostring(v) until v == "end"
	print("yields", s, table.concat(seen, " "))
end

do
	local last, s = nil, 0
	for i = 1, N do
		local f = function() return i end
		s = s + f() + (last and last() or 0)
		last = f -- it lives for another turn
	end
	print("another turn", s, last())
	local up = 0
	for i = 1, N do
		local f = function() up = up + 1 return function() return up + i end end
		s = s + f()()
	end
	print("makes another", s, up)
end
