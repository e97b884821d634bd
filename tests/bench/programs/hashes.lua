-- Hash tables: words counted, integer keys with gaps, deletion, traversal, sets of strings and floats.
local N = tonumber(arg[1]) or 70

local names = {}
for i = 1, 5000 do
	names[i] = "name" .. i * 7919 % 10007
end
local total = 0
for round = 1, N do
	local count = {}
	for i = 1, 60000 do
		local n = names[i * 31 % 5000 + 1]
		count[n] = (count[n] or 0) + 1
	end
	for k, v in pairs(count) do
		total = total + v * #k
	end
	local sparse = {}
	for i = 1, 40000 do
		sparse[i * 2654435761 % 1000003] = i
	end
	for i = 1, 40000 do
		if i % 3 == 0 then
			sparse[i * 2654435761 % 1000003] = nil
		else
			total = total + (sparse[i * 2654435761 % 1000003] or 0) % 5
		end
	end
	local floats = {}
	for i = 1, 10000 do
		floats[i / 4] = i
	end
	for i = 1, 10000 do
		total = total + floats[i / 4] % 3
	end
	local config = { width = 10, height = 20, depth = 30, weight = round }
	for i = 1, 40000 do
		config.width = config.width + 1
		config.height = config.height ~ i
		total = total + config.width % 7 + config.depth + config.weight
	end
end
print(total)
