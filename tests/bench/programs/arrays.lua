-- Arrays: appending, insertion and removal, reversing, prefix sums, moving, a ring, two dimensions.
local N = tonumber(arg[1]) or 60

local checksum = 0
for round = 1, N do
	local t = {}
	for i = 1, 50000 do
		t[#t + 1] = i * round % 1013
	end
	local sums = { 0 }
	for i = 1, #t do
		sums[i + 1] = sums[i] + t[i]
	end
	for i = 1, #t // 2 do
		local j = #t + 1 - i
		t[i], t[j] = t[j], t[i]
	end
	local s = table.move(t, 1, 2000, 1, {})
	for i = 1, 200 do
		table.insert(s, i * 3, i)
		checksum = checksum + table.remove(s, i * 5)
	end
	for i, v in ipairs(t) do
		checksum = checksum + (v ~ i) & 7
	end
	while #t > 49000 do
		t[#t] = nil
	end
	checksum = checksum + sums[#sums] % 1000 + s[700] + #t
	local grid = {}
	for y = 1, 60 do
		local row = {}
		for x = 1, 60 do
			row[x] = x * y
		end
		grid[y] = row
	end
	for y = 2, 59 do
		for x = 2, 59 do
			checksum = checksum + (grid[y - 1][x] + grid[y + 1][x] + grid[y][x - 1] + grid[y][x + 1]) % 3
		end
	end
end
print(checksum)
