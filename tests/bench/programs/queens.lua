-- N queens, by backtracking over arrays; and by bits.
local N = tonumber(arg[1]) or 11

local solutions = 0
local function ok(a, n, c)
	for i = 1, n - 1 do
		if a[i] == c or a[i] - i == c - n or a[i] + i == c + n then
			return false
		end
	end
	return true
end
local function add(a, n)
	if n > N then
		solutions = solutions + 1
		return
	end
	for c = 1, N do
		if ok(a, n, c) then
			a[n] = c
			add(a, n + 1)
		end
	end
end
add({}, 1)

local function bits(all, columns, left, right)
	if columns == all then
		return 1
	end
	local count, free = 0, all & ~(columns | left | right)
	while free ~= 0 do
		local bit = free & -free
		free = free ~ bit
		count = count + bits(all, columns | bit, (left | bit) << 1, (right | bit) >> 1)
	end
	return count
end
print(solutions, bits((1 << N + 2) - 1, 0, 0, 0))
