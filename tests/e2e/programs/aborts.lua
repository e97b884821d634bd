-- One reason after another for which LuaJIT gives up a trace.
local results = {}

-- Each test has a loop of its own, or the first abort would end them all.
local loop = [[
local name, rounds, f = ...
local sum = 0
for i = 1, rounds do
	sum = sum + f(i)
end
return name .. "=" .. sum
]]

local function run(name, rounds, f)
	results[#results + 1] = assert(loadstring(loop, "=" .. name))(name, rounds, f)
end

-- A Lua closure called by a C function.
run("gsub", 400000, function(i)
	local n = 0
	string.gsub("a1b2c3", "%d", function(d)
		n = n + tonumber(d)
	end)
	return n + i % 2
end)

run("sort", 150000, function(i)
	local t = { 5, 3, i % 7, 1 }
	table.sort(t, function(a, b)
		return a > b
	end)
	return t[1]
end)

-- Closures made in a loop, and vararg functions called in one.
run("closures", 800000, function(i)
	local function add(x)
		return x + i
	end
	return add(1)
end)

local function count(...)
	local n = 0
	for _, v in ipairs({ ... }) do
		n = n + v
	end
	return n + select("#", ...)
end
run("varargs", 400000, function(i)
	return count(i, i + 1, i + 2)
end)

-- Recursion, of several kinds.
local function fib(n)
	return n < 2 and n or fib(n - 1) + fib(n - 2)
end
run("fib", 60, function()
	return fib(18)
end)

local function depth(t)
	local d = 0
	for _, child in pairs(t) do
		d = math.max(d, depth(child))
	end
	return d + 1
end
local tree = {}
for i = 1, 4 do
	tree[i] = { { {} }, { a = {}, b = { {} } } }
end
run("depth", 2000, function()
	return depth(tree)
end)

-- Errors, and coroutines.
run("pcall", 150000, function(i)
	local ok = pcall(function()
		if i % 3 == 0 then
			error("three")
		end
	end)
	return ok and 1 or 0
end)

run("coroutines", 150000, function(i)
	local co = coroutine.wrap(function(a)
		local b = coroutine.yield(a * 2)
		return b + 1
	end)
	return co(i) + co(i)
end)

-- A loop within a loop that ends after a different number of rounds each time.
run("inner", 3000, function(i)
	local n = 0
	for j = 1, i % 5 do
		for k = j, j + i % 3 do
			n = n + k
		end
	end
	return n
end)

-- More operations than a trace may have.
local long = { "local x = ... local y = 0" }
for i = 1, 6000 do
	long[#long + 1] = "y = y + x[" .. i % 7 + 1 .. "] * " .. i % 5
end
long[#long + 1] = "return y"
local straight = assert(loadstring(table.concat(long, "\n"), "=straight"))
run("straight", 1500, function(i)
	return straight({ i, 1, 2, 3, 4, 5, 6 })
end)

-- A function for which compiling is off.
local function plain(i)
	return i % 2
end
jit.off(plain)
run("off", 2000, plain)

print(table.concat(results, "\n"))
