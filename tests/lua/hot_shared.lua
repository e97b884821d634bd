-- Returns into callers whose variables closures share: hot loops in functions that are
-- called from loops of frames with open upvalues.
local limit = 7
local total, count, log = 0, 0, {}

local function turns(n)
	local t = 0
	while t < limit do
		if t * t > n then break end
		t = t + 1
	end
	return t
end
local function bump(by)
	total = total + by
	return total
end

-- The main chunk shares limit, total and count; all are changed on both sides.
for y = 1, 30 do
	for x = 1, 30 do
		local n = turns(x * y)
		total = total + n
		if n == limit then
			count = count + 1
			bump(0.5)
		end
		if x == 17 then limit = limit % 5 + 3 end
	end
end
print(total, count, limit)

-- A variable changes its type under the feet of what returns.
local kind = 0
local function change(i)
	local s = 0
	for k = 1, 3 + i % 3 do s = s + k end
	if i % 7 == 0 then kind = i % 2 == 0 and "text" or nil end
	if i % 7 == 1 then kind = i end
	if i % 7 == 2 then kind = i + 0.5 end
	if i % 7 == 3 then kind = {i} end
	return s
end
local seen = {}
for i = 1, 300 do
	local s = change(i)
	local name = math.type(kind) or type(kind)
	seen[name] = (seen[name] or 0) + s
	if type(kind) == "number" then kind = kind + 1 end
end
for _, name in ipairs{"integer", "float", "string", "nil", "table"} do io.write(name, " ", tostring(seen[name]), " ") end
print(type(kind))

-- Closures that are made after the loop, or in it, or in the caller while it waits.
local function sum_to(n) local s = 0 for i = 1, n do s = s + i end return s end
local function later(n)
	local a, b = 0, 1
	for i = 1, n do a = a + sum_to(i % 9) b = b + a end
	local function get() a = a + 1 return a, b end
	for i = 1, n do b = b + sum_to(i % 5) + get() end
	return get()
end
for i = 1, 20 do later(i) end
print(later(60))
local function inside(n)
	local made, s = {}, 0
	for i = 1, n do
		local v = sum_to(i % 4)
		made[i] = function(d) v = v + d s = s + v return v end
		v = v + sum_to(i % 3)
		if i > 2 then made[i - 2](i) s = s + made[i](1) end
		v = v + s % 3
	end
	for i = 1, n do s = s + made[i](0) end
	return s
end
for i = 1, 30 do inside(i) end
print(inside(50))

-- The block is left, and its registers are used again for others.
local function blocks(n)
	local s = 0
	for i = 1, n do
		do
			local x, y = i, sum_to(i % 6)
			local f = function() x = x + y return x end
			s = s + f() + f()
		end
		local p, q, r = sum_to(i % 5), s % 7, i
		s = s + p + q + r
		while true do
			local w = sum_to(3) + i
			local g = function() return w end
			if g() % 2 == 0 then break end
			s = s + g()
			if s % 3 == 0 then goto out end
			w = w + 1
			s = s + g()
			break
		end
		::out::
	end
	return s
end
for i = 1, 40 do blocks(i) end
print(blocks(100))

-- Several frames, all with shared variables; recursion; results that go into shared ones.
local function deep(n, up)
	local mine, got = n, 0
	local function add(x) mine = mine + x if up then up(1) end return mine end
	if n > 0 then
		got = deep(n - 1, add)
		mine = mine + got
	end
	local k = 0
	while k < 4 do k = k + 1 mine = mine + k end
	got, mine = mine, got
	return add(got)
end
for i = 1, 60 do deep(i % 6) end
print(deep(9))

-- Multiple results, varargs and tail calls into and out of such frames.
local function many(...) local t = 0 for i = 1, select("#", ...) do t = t + (select(i, ...)) end return t, ... end
local function vararg(...)
	local a, b, c = ...
	local set = function(x) b = x end
	for i = 1, 5 do
		local t, x, y, z = many(a, b, c, i)
		set(t % 10)
		a = a + x + y + z + b
	end
	local n, m = select("#", ...), select(-1, ...)
	return a + n, b, m
end
for i = 1, 40 do vararg(i, 2, 3, 4, i) end
print(vararg(1, 2, 3, 4))
local function tail(n) return sum_to(n) end
local function through(n)
	local v = 0
	local f = function() return v end
	for i = 1, n do v = v + tail(i % 8) if v > 100 then v = v - f() // 2 end end
	return v
end
for i = 1, 40 do through(i) end
print(through(77))

-- Errors through such frames, coroutines in them, and what debug sees and sets there.
local function fails(n) local s = 0 for i = 1, 5 do s = s + i end if n % 11 == 0 then error("at " .. n, 0) end return s end
local function guarded(n)
	local s, last = 0, nil
	local note = function(m) last = m end
	for i = 1, n do
		local ok, r = pcall(fails, i)
		if ok then s = s + r else note(r) end
	end
	for i = 1, n do if i % 11 ~= 0 then s = s + fails(i) end end
	return s, last
end
print(guarded(200))
local function generator(n)
	local v = 0
	local co = coroutine.wrap(function() for i = 1, n do v = v + sum_to(i % 7) coroutine.yield(v) end return "end" end)
	local s = 0
	for i = 1, n do s = s + co() v = v + sum_to(2) end
	return s, v, co()
end
print(generator(100))
local function watched(n)
	local x = 0
	local get = function() return x end
	local function poke(i)
		local s = 0
		for k = 1, 4 do s = s + k end
		if i % 50 == 0 then
			local at = 1
			while debug.getlocal(2, at) do
				if debug.getlocal(2, at) == "x" then debug.setlocal(2, at, -i) end
				at = at + 1
			end
		end
		return s
	end
	for i = 1, n do
		local s = poke(i)
		x = x + s
		if i % 49 == 0 then log[#log + 1] = get() end
	end
	return get()
end
print(watched(300), table.concat(log, " "))
-- Collections while frames with open upvalues wait.
local function collected(n)
	local t = {}
	local f = function() return t end
	for i = 1, n do
		local s = sum_to(i % 5)
		t = {s, f()[1]}
		if i % 100 == 0 then collectgarbage() end
	end
	return t[1], t[2]
end
print(collected(500))
