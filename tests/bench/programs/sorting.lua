-- Sorting: table.sort of numbers and of strings, with a comparison of its own, and a quicksort in Lua.
local N = tonumber(arg[1]) or 130000

local seed = 42
local function random(n)
	seed = (seed * 1103515245 + 12345) & 0x7fffffff
	return (seed >> 8) % n
end

local function quicksort(t, lo, hi)
	while lo < hi do
		local pivot = t[(lo + hi) // 2]
		local i, j = lo, hi
		while i <= j do
			while t[i] < pivot do i = i + 1 end
			while pivot < t[j] do j = j - 1 end
			if i <= j then
				t[i], t[j] = t[j], t[i]
				i, j = i + 1, j - 1
			end
		end
		if j - lo < hi - i then
			quicksort(t, lo, j)
			lo = i
		else
			quicksort(t, i, hi)
			hi = j
		end
	end
end

local numbers, strings, records, own = {}, {}, {}, {}
for i = 1, N do
	numbers[i] = random(1000000)
	strings[i] = "s" .. random(100000)
	records[i] = { key = random(5000), id = i }
	own[i] = random(1000000)
end
table.sort(numbers)
table.sort(strings)
table.sort(records, function(a, b)
	if a.key ~= b.key then
		return a.key < b.key
	end
	return a.id < b.id
end)
for round = 1, 3 do
	quicksort(own, 1, #own)
	for i = 1, #own, 3 do
		own[i] = random(1000000)
	end
end
local sum = 0
for i = 1, N, 97 do
	sum = (sum * 31 + numbers[i] + #strings[i] + records[i].id + own[i]) & 0xffffffff
end
print(sum)
