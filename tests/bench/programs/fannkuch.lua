-- All orders of n things, and how often their front must be turned over: array work.
local n = tonumber(arg and arg[1]) or 9

local order, count, work = {}, {}, {}
for i = 1, n do
	order[i], count[i] = i, i
end

local function flips()
	local turned = 0
	for i = 1, n do
		work[i] = order[i]
	end
	local first = work[1]
	while first ~= 1 do
		local low, high = 1, first
		while low < high do
			work[low], work[high] = work[high], work[low]
			low, high = low + 1, high - 1
		end
		turned = turned + 1
		first = work[1]
	end
	return turned
end

-- The next order, by turning ever longer fronts around; false after the last.
local function next_order()
	for r = 2, n do
		local first = order[1]
		for i = 1, r - 1 do
			order[i] = order[i + 1]
		end
		order[r] = first
		count[r] = count[r] - 1
		if count[r] > 0 then
			return true
		end
		count[r] = r
	end
	return false
end

local most, sum, sign = 0, 0, 1
repeat
	local turned = flips()
	if turned > most then
		most = turned
	end
	sum = sum + sign * turned
	sign = -sign
until not next_order()
print(most, sum)
