-- How long points of the plane stay bounded: a while loop of floats with two ways out.
local size = tonumber(arg and arg[1]) or 800
local limit = 100

local function turns(cr, ci)
	local zr, zi, n = 0, 0, 0
	while n < limit do
		local rr, ii = zr * zr, zi * zi
		if rr + ii > 4 then
			break
		end
		zi = 2 * zr * zi + ci
		zr = rr - ii + cr
		n = n + 1
	end
	return n
end

local inside, total = 0, 0
for y = 0, size - 1 do
	local ci = 2 * y / size - 1
	for x = 0, size - 1 do
		local n = turns(3 * x / size - 2, ci)
		total = total + n
		if n == limit then
			inside = inside + 1
		end
	end
end
print(inside, total)
