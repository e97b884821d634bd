-- Coroutines: generators, pipelines, a scheduler, and many that live shortly.
local N = tonumber(arg[1]) or 1800000

local yield = coroutine.yield
local function numbers(n)
	return coroutine.wrap(function()
		for i = 1, n do
			yield(i)
		end
	end)
end
local function filter(source, k)
	return coroutine.wrap(function()
		for v in source do
			if v % k ~= 0 then
				yield(v)
			end
		end
	end)
end

local sum = 0
for v in filter(filter(numbers(N), 3), 5) do
	sum = sum + v
end

local tasks = {}
for i = 1, 50 do
	tasks[i] = coroutine.create(function(a)
		for step = 1, N // 100 do
			a = a + yield(a & 3)
		end
		return a
	end)
end
local alive = #tasks
while alive > 0 do
	for i = #tasks, 1, -1 do
		local ok, v = coroutine.resume(tasks[i], i)
		sum = sum + v
		if coroutine.status(tasks[i]) == "dead" then
			table.remove(tasks, i)
			alive = alive - 1
		end
	end
end

for i = 1, N // 5 do
	local co = coroutine.wrap(function(x)
		x = x + yield(x)
		return x
	end)
	sum = sum + co(i) + co(1)
end
print(sum)
