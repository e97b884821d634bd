-- Pressure on the collector: many short-lived trees beside a long-lived one.
local N = tonumber(arg[1]) or 15

local function bottom_up(depth)
	if depth == 0 then
		return {}
	end
	return { bottom_up(depth - 1), bottom_up(depth - 1) }
end
local function check(tree)
	if tree[1] then
		return 1 + check(tree[1]) + check(tree[2])
	end
	return 1
end

local long_lived = bottom_up(N)
for depth = 4, N, 3 do
	local iterations = 1 << (N - depth + 4)
	local total = 0
	for i = 1, iterations do
		total = total + check(bottom_up(depth))
	end
	print(depth, iterations, total)
end
print(check(long_lived))
