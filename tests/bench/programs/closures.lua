-- Closures: made in loops, with shared upvalues, composed, used as iterators and callbacks.
local N = tonumber(arg[1]) or 1600000

local function counter(step)
	local n = 0
	return function()
		n = n + step
		return n
	end, function(v)
		n = v
	end
end

local function compose(f, g)
	return function(x)
		return f(g(x))
	end
end

local function map(t, f)
	local out = {}
	for i = 1, #t do
		out[i] = f(t[i])
	end
	return out
end

local function range(n)
	local i = 0
	return function()
		if i < n then
			i = i + 1
			return i
		end
	end
end

local total = 0
for i = 1, N do
	local inc, set = counter(i % 3)
	inc()
	set(i & 15)
	total = total + inc()
end
local f = function(x) return x end
for i = 1, 12 do
	f = compose(f, function(x) return x + i end)
end
for i = 1, N // 6 do
	total = total + f(i)
end
local list = {}
for i = 1, 10 do
	list[i] = i
end
for i = 1, N // 12 do
	local k = i & 7
	total = total + map(list, function(x) return x * k end)[10]
end
for i in range(N * 4) do
	total = total + (i & 1)
end
print(total)
