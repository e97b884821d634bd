-- The sieve of Eratosthenes over booleans, several times.
local N = tonumber(arg[1]) or 40

local count
for round = 1, N do
	local flags = {}
	local size = 400000
	for i = 2, size do
		flags[i] = true
	end
	count = 0
	for i = 2, size do
		if flags[i] then
			count = count + 1
			for k = i + i, size, i do
				flags[k] = false
			end
		end
	end
end
print(count)
