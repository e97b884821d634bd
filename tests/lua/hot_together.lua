-- What loops do together: closures whose variables are shared for a turn, in loops that
-- bridges enter at their labels; in functions that pcall() calls; past errors.

local function sum(n, f)
	local s = 0
	for i = 1, n do s = s + f(i) end
	return s
end

-- Two ways through a turn, before, in and behind a block that shares a variable.
do
	local s, t = 0, 0
	for i = 1, 600 do
		if i % 3 == 0 then s = s + 1 else t = t + 2 end
		local n = i
		local f = function(x) n = n + x return n end
		s = s + f(1) + n
		if i % 5 == 0 then t = t + f(2) end
		if n % 2 == 0 then s = s - n else t = t - n end
	end
	print(s, t)
end

-- The variable has another value, and another type, in the turn that a bridge comes to.
do
	local last, s = 0, 0
	for i = 1, 600 do
		local n = last
		local get = function() return n end
		local set = function(v) n = v end
		if i % 4 == 0 then set(i + 0.5) elseif i % 4 == 1 then set(i) end
		last = get()
		s = s + last
	end
	print(s, last)
end

-- A slot that bridges have pending is shared in the loop's next turn.
do
	local s, kept = 0, {}
	for i = 1, 400 do
		do
			local a, b = i, i + 1
			if i % 3 == 1 then a, b = b, a end
			s = s + a * 2 - b
		end
		do
			local c, d = i + 2, i + 3
			local f = function() c = c + 1 return c + d end
			if i % 7 == 0 then kept[#kept + 1] = f end
			s = s + f()
			if i % 3 == 2 then d = d + f() end
			s = s + d
		end
	end
	for i = 1, #kept do s = s + kept[i]() end
	print(s, #kept)
end

-- Inner loops whose bridges return to the outer one, whose variable closures share.
do
	local total = 0
	for i = 1, 60 do
		local n = i
		local add = function(x) n = n + x end
		for k = 1, 20 do
			if k % 3 == 0 then add(k) elseif k % 3 == 1 then n = n - 1 else total = total + n end
		end
		total = total + n
	end
	print(total)
end

-- Functions made for pcall(), that share with who calls it, that fail.
do
	local s, caught = 0, 0
	for i = 1, 600 do
		local n = i
		local ok, v = pcall(function(x)
			n = n + x
			if i % 3 == 0 then error(n, 0) end
			return n
		end, 5)
		if not ok then caught = caught + v end
		s = s + v + n
		n = 0
	end
	print(s, caught)
end

-- The error value is a function of the frames that are left; it keeps their variables.
do
	local s = 0
	local function fail(i)
		local n = i
		local inner = function() n = n + 1 return n end
		inner()
		if i % 2 == 0 then error(inner) end
		return inner
	end
	for i = 1, 600 do
		local _, f = pcall(fail, i)
		s = s + f() + f()
	end
	print(s)
end

-- An error leaves functions that were there when a bridge began, and share variables.
do
	local log, s = {}, 0
	local function deep(i, note)
		local n = i
		local step = function(x) n = n + x if n % 11 == 0 then error({n}) end return n end
		for k = 1, 8 do note(step(k)) end
		return n
	end
	local function run(i)
		local seen = 0
		local v = deep(i, function(x) seen = seen + x end)
		return v + seen
	end
	for i = 1, 300 do
		local ok, v = pcall(run, i)
		if ok then s = s + v else log[#log + 1] = v[1] s = s + v[1] end
	end
	print(s, #log, log[1], log[#log])
end

-- Returned from, and failed in, functions that pcall() calls: results come of variables
-- that are closed.
do
	local s = 0
	local function make(i)
		local a, b = i, i * 2
		local f = function() a = a + b return a, b end
		f()
		if i % 3 == 0 then return a, b, f end
		return f()
	end
	for i = 1, 600 do
		local _, a, b, f = pcall(make, i)
		s = s + a + b + (f and f() or 0)
	end
	print(s)
end

-- Concatenations whose metamethods fail, are caught, and go on.
do
	local M = {}
	local function text(x) return type(x) == "table" and x.name or x end
	M.__concat = function(a, b)
		if text(a) == "bad" or text(b) == "bad" then error("bad operand", 0) end
		return text(a) .. "/" .. text(b)
	end
	local good, bad = setmetatable({name = "good"}, M), setmetatable({name = "bad"}, M)
	local n, failed = 0, 0
	for i = 1, 600 do
		local x = i % 4 == 0 and bad or good
		local ok, v = pcall(function() return "<" .. i .. x .. i .. good .. ">" end)
		n = n + #v
		if not ok then failed = failed + 1 end
	end
	print(n, failed)
end

-- Many closures of one code take turns in loops with two ways.
do
	local s = 0
	for k = 1, 40 do
		s = s + sum(50, function(x) if x % 2 == 0 then return x * k end return k end)
		s = s + sum(50, function(x)
			local ok, v = pcall(function() if x % 3 == 0 then error(x, 0) end return k end)
			return ok and v or -v
		end)
	end
	print(s)
end

-- Vararg functions, objects that are called, and ipairs(), in functions that fail.
do
	local C = setmetatable({}, {__call = function(self, a, ...) return a, select("#", ...) end})
	local list = setmetatable({1, 2, 3, 4}, {__index = function(_, i) if i < 7 then return i * 10 end end})
	local s = 0
	local function va(i, ...)
		local t = 0
		for k, v in ipairs(list) do t = t + k * v end
		if i % 5 == 0 then error(t) end
		local a, n = C(i, ...)
		return t + a + n
	end
	for i = 1, 300 do
		local ok, v = pcall(va, i, i, nil, 3)
		s = s + (ok and v or 1)
	end
	print(s)
end

-- Tables of many keys, virtual where a bridge enters the loop.
do
	local s, p = 0, nil
	for i = 1, 600 do
		local t = {a = i, b = 2, c = 3, d = 4, e = 5, f = 6, g = 7, h = 8, i = 9, j = 10, k = 11, l = 12,
							m = 13, n = 14, o = 15, p = 16, q = 17, r = 18, s = 19, t = 20}
		local get = function() return t.a + t.t end
		if i % 3 == 0 then p = t end
		s = s + get() + (p and p.a or 0)
		if i % 4 == 0 then t.a = 0 end
		s = s + t.a
	end
	print(s, p.a)
end

-- Loops inside that get longer: some turns are part of the outer loop's bridges by then.
do
	local function turns(most, step)
		local n, s = 0, 0.5
		while n < 100 do
			if s > most then break end
			s = s + step
			n = n + 1
		end
		return s, n
	end
	local total, all = 0, 0
	for x = 1, 2000 do
		local s, n = turns(x < 400 and 1 or x < 900 and 1 + x % 5 or 40, x % 700 == 0 and 2 or 1)
		total, all = total + s, all + n
	end
	print(total, all)
	for x = 1, 1500 do
		local n = 0
		repeat
			n = n + 1
			for i = 1, x < 300 and 2 or x % 9 do
				if i > 6 then break end
				all = all + (x % 11 == 0 and i or 1)
			end
		until n * (x > 700 and 1 or 9) > 8
	end
	print(all)
end
